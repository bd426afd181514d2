/**
 * Types shared by the outbox engine and the page layer. Nothing here uses the DOM.
 * Wire shapes follow docs/sync-protocol.md; states follow the list in docs/architecture.md.
 */

/** Type and id of a record, as in the envelope. */
export type Aggregate = readonly [type: string, id: string];

/** JSON value of an envelope. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** A photo or file of a draft or an operation. Its bytes are in the mirror only. */
export interface Attachment {
  id: string; // uuidv7
  /** Key of the owning draft; null once an operation owns it. */
  draft: string | null;
  op: string | null;
  name: string;
  mime: string;
  size: number;
  sha256: string; // hex
  role: string;
  /** Bytes the server has confirmed. */
  sent: number;
  /** refused: the server keeps the bytes as evidence but cannot show them as an image. */
  state: "local" | "sending" | "stored" | "refused" | "lost_on_device";
  created: number;
}

/** A half-filled form. `fields` uses the names of the form's controls. */
export interface Draft {
  key: string;
  kind: string;
  title: string;
  url: string;
  fields: { [name: string]: string | string[] };
  state: "open" | "submitted";
  /** Id of the refused operation that this draft corrects. */
  supersedes: string | null;
  /** Server messages to show at the fields when the form is opened. */
  problems: { [field: string]: string[] } | null;
  updated: number;
}

/** State of an operation on this phone. */
export type OpState =
  | "saved" // in both stores, no receipt yet
  | "sending"
  | "held" // received; the server waits for another record
  | "accepted" // the server returned a receipt
  | "rejected" // can be corrected in its form
  | "conflict"
  | "parked"; // three identical server errors; retried hourly

/** A frozen record. `body` is exactly the text that is hashed and sent. */
export interface Op {
  op: string; // uuidv7
  seq: number;
  ep: string;
  ref: string; // short reference shown to people, e.g. K7-0042
  kind: string;
  agg: Aggregate;
  body: string;
  sha256: string;
  state: OpState;
  title: string;
  /** Address of the form's page, to reopen it for correction. */
  url: string;
  draftKey: string | null;
  /** The form's fields as typed, to reopen a refused record. */
  fields: { [name: string]: string | string[] };
  /** Labels and values as the form showed them, for the outbox page. Missing after the database was rebuilt. */
  words?: [label: string, words: string][];
  depends: string[];
  supersedes: string | null;
  attempts: number;
  /** Time of the last attempt to send, ms since 1970. */
  triedAt?: number;
  nextAt: number;
  lastError: string | null;
  created: number;
  receivedAt: number | null;
  result: OpResult | null;
  /** The sender waits until this time so that the author can undo; 0 or absent: send at once. */
  holdUntil?: number;
}

export type Outcome =
  | "accepted"
  | "held"
  | "conflict"
  | "rejected"
  | "wrong_user"
  | "busy"
  | "unsupported_schema"
  | "id_reused";

/** One entry of a push response. */
export interface OpResult {
  op: string;
  sha256: string;
  outcome: Outcome;
  replayed: boolean;
  ref: string | null;
  ver: number | null;
  problems: { [field: string]: string[] };
  current: JsonObject | null;
  needs: string[];
  /** Error code. Missing in results that earlier builds stored. */
  code?: string | null;
}

export interface CaptureInput {
  kind: string;
  schema: number;
  agg: Aggregate;
  base: { ver: number; fields: JsonObject } | null;
  data: JsonObject;
  title: string;
  url: string;
  /** Key of the submitted draft; null for a button. Submitting is a compare-and-set on the draft's generation. */
  draftKey: string | null;
  fields: { [name: string]: string | string[] };
  words?: [label: string, words: string][];
  supersedes?: string | null;
  /** For how many ms the author can undo before the record is sent. */
  hold?: number;
}

export interface Counts {
  /** saved, sending, held, parked: no final result yet. */
  unsent: number;
  /** rejected or conflict: the author must act. */
  attention: number;
  /** accepted operations with photos still to upload. */
  photos: number;
  oldest: number | null; // ms since 1970 of the oldest unsent
  /** When the last photo of this phone was stored, refused or lost, ms since 1970. */
  photoAt: number | null;
}

/** A file in the rescue archive. */
export interface RescueEntry {
  name: string;
  bytes: Uint8Array;
}

export type Link = "unknown" | "online" | "offline" | "sign_in" | "foreign" | "wrong_user";

/** Thrown when another tab has already submitted the draft. */
export class AlreadySubmitted extends Error {
  constructor(readonly at: number) {
    super("already submitted");
  }
}

/** Thrown when the quota is exceeded. `stored`: the text is in one store instead of two. */
export class StorageFull extends Error {
  constructor(
    message = "storage full",
    readonly stored = false,
  ) {
    super(message);
  }
}

/** Thrown when a record can no longer be undone: it is being sent, received, or another record depends on it. */
export class TooLate extends Error {}

/** Thrown when this browser cannot store anything (private mode, broken database). */
export class StorageUnavailable extends Error {
  constructor(
    message?: string,
    /** The database does not answer. */
    readonly hangs = false,
    /** The last write may still be committed. */
    readonly unsure = false,
  ) {
    super(message);
  }
}

/** Thrown when the page was left before the write and is shown again: nothing was saved. */
export class PageLeft extends Error {}

/** Interface of the engine for the page layer. */
export interface Engine {
  readonly userId: number;
  /** Write the record to both stores, then resolve; also start the sender. */
  capture(input: CaptureInput): Promise<{ op: string; ref: string }>;
  /** List records, newest first. Accepted ones are kept for 30 days as proof of delivery. */
  list(): Promise<Op[]>;
  get(op: string): Promise<Op | undefined>;
  attachmentsOf(owner: { op?: string; draft?: string }): Promise<Attachment[]>;
  counts(): Promise<Counts>;
  link(): Link;
  /**
   * Ask the sender to run; never throws. Any reason but "timer" ends the backoff. "tap", "retry" and "asked" come from
   * a person and also send parked records. A server's Retry-After is obeyed in any case.
   */
  kick(reason: string): void;
  /** Call `listener` after every change of records, attachments or link, also by other tabs. Return the unsubscriber. */
  subscribe(listener: () => void): () => void;
  /** Turn a refused record into an open draft with its photos (same key, or `op:<id>`). */
  reopen(op: string): Promise<Draft>;
  /** Delete an unsent record for its author. Throws while it is being sent. */
  discard(op: string): Promise<void>;
  /** Return whether this tab can still undo the record. */
  mayUndo(op: Op): boolean;
  /** Undo a record that is held back. Return its restored draft, null for a button. Throws TooLate. */
  undo(op: string): Promise<Draft | null>;
  /** End all holds because the page is hidden: their records are sent now. */
  endHolds(): Promise<void>;
  /** Send held records in a keepalive request because the page is being unloaded. */
  sendHeldNow(): void;
  /** Return the files of the rescue archive: records, photos and drafts that the server does not have. */
  rescue(): Promise<RescueEntry[]>;
  drafts: {
    /**
     * Load an open draft; undefined when there is none or it was submitted. Also note the draft's generation as seen
     * by this tab: call it whenever a form is filled, else its next save or submit throws AlreadySubmitted.
     */
    load(key: string): Promise<Draft | undefined>;
    /** Return how often this key was submitted, as far as this tab has seen. */
    generation(key: string): number;
    /** Save. Throws AlreadySubmitted when it was submitted since this tab loaded it, PageLeft when the page was left. */
    save(draft: Omit<Draft, "updated" | "state">): Promise<void>;
    remove(key: string): Promise<void>;
    list(): Promise<Draft[]>;
  };
  photos: {
    add(draft: string, file: { name: string; mime: string; role: string; bytes: Uint8Array }): Promise<Attachment>;
    bytes(id: string): Promise<Uint8Array | null>;
    remove(id: string): Promise<void>;
  };
  /** Resolve once the unsent count for the phone's other users is written. */
  noted(): Promise<void>;
  /** Delete the owner's device token on sign-out. Records stay. */
  leave(): Promise<void>;
  close(): void;
}

/** Contents of the last valid hello response. */
export interface HelloInfo {
  at: number;
  epoch: string;
  offsetMs: number;
  missingSeqs: number[];
  limits: Limits;
  /** False when only the device token authenticates; null when an earlier server does not say. */
  signedIn: boolean | null;
}

export interface Limits {
  batchOps: number;
  batchBytes: number;
  chunk: number;
  attachment: number;
}

/** Engine with what the start script and the tests need in addition. */
export interface RunningEngine extends Engine {
  /** Resolve when the sender has stopped. */
  idle(): Promise<void>;
  hello(): HelloInfo | null;
}

/** Platform interface of the engine: a browser, or Node in tests. */
export interface Environment {
  indexedDB: IDBFactory;
  caches: CacheStorage;
  fetch: typeof fetch;
  locks: LockManager | null;
  now(): number; // ms since 1970
  random(): number;
  sleep(ms: number): Promise<void>;
  timezone(): string;
  /** Language of the page, for messages from the server. */
  language(): string;
  channel(name: string): BroadcastChannel | null;
  /** "browser" | "standalone" | …, reported in hello. */
  displayMode(): string;
  persisted(): Promise<boolean>;
  /** Copy of the device id outside IndexedDB (localStorage); null where it is blocked. */
  sentinel: { get(): string | null; set(value: string): void } | null;
  /** Ids of records that this tab can undo, kept across page loads (sessionStorage). */
  heldIds?: { get(): string[]; set(ids: string[]): void };
  /** navigator.storage.estimate(). Photos stop at 80 % of the quota so that text always fits. */
  estimate?(): Promise<{ usage?: number; quota?: number }>;
  /** Return whether the page is hidden. */
  hidden?(): boolean;
  /**
   * Call `leave` on pagehide, also when the page enters the back/forward cache, and `back` on pageshow. `leave` must be
   * synchronous. Absent in environments without pages.
   */
  onLeave?(leave: () => void, back: () => void): void;
  /** Fault injection: awaited at named points; a no-op in production. */
  point(name: string): Promise<void>;
}
