/**
 * The words the outbox engine and the page layer share. Nothing here touches the DOM.
 * Wire shapes follow docs/sync-protocol.md; states follow the list in docs/architecture.md.
 */

/** A record type and the id of one record of it, as it stands in an envelope. */
export type Aggregate = readonly [type: string, id: string];

/** JSON that can be frozen: what a form becomes. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One photo or file belonging to a draft or an operation; the bytes lie in the mirror, never here. */
export interface Attachment {
  id: string; // uuidv7
  /** Either a draft key or an op id owns it. */
  draft: string | null;
  op: string | null;
  name: string;
  mime: string;
  size: number;
  sha256: string; // hex
  role: string;
  /** Bytes the server has confirmed. */
  sent: number;
  /** refused: the server has the bytes as evidence, but they are no picture it can show. */
  state: "local" | "sending" | "stored" | "refused" | "lost_on_device";
  created: number;
}

/** What a half-filled form is kept as. `fields` uses the form's own names. */
export interface Draft {
  key: string;
  kind: string;
  title: string;
  url: string;
  fields: { [name: string]: string | string[] };
  state: "open" | "submitted";
  /** The op a refused record came back from, so that the next send supersedes it. */
  supersedes: string | null;
  /** Server problems to be shown at the fields when the form reopens. */
  problems: { [field: string]: string[] } | null;
  updated: number;
}

/** Where an operation stands on this phone. */
export type OpState =
  | "saved" // in both stores, not yet answered for
  | "sending"
  | "held" // received, waits for another record
  | "accepted" // the server named it in a receipt
  | "rejected" // comes back filled in
  | "conflict"
  | "parked"; // three identical server errors; retried hourly

/** One frozen record. `body` is exactly the bytes that are hashed and sent. */
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
  /** The page the form stood on, to reopen it for correction. */
  url: string;
  draftKey: string | null;
  /** The form's fields as typed, so that a refused record can be reopened as it was. */
  fields: { [name: string]: string | string[] };
  /** What the form said in its author's words, for reading it on this phone; a rebuilt database has none. */
  words?: [label: string, words: string][];
  depends: string[];
  supersedes: string | null;
  attempts: number;
  /** When it was last offered to the server, ms since 1970. */
  triedAt?: number;
  nextAt: number;
  lastError: string | null;
  created: number;
  receivedAt: number | null;
  result: OpResult | null;
  /** Not sent before this time, so that its author can take it back; 0 or absent where it goes at once. */
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

/** One entry of a push answer. */
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
  /** Why, as a word for the phone; answers kept by earlier builds have none. */
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
  /** Key of the draft this came from; null for plain buttons. Submitting is a compare-and-set on it. */
  draftKey: string | null;
  fields: { [name: string]: string | string[] };
  words?: [label: string, words: string][];
  supersedes?: string | null;
  /** For how many ms the author may take it back before it is sent. */
  hold?: number;
}

export interface Counts {
  /** saved, sending, held, parked: not yet answered for. */
  unsent: number;
  /** rejected or conflict: a person is needed. */
  attention: number;
  /** accepted ops whose photos are still on the way. */
  photos: number;
  oldest: number | null; // ms since 1970 of the oldest unsent
  /** When the last photo of this phone's was settled: arrived, refused or lost. ms since 1970. */
  photoAt: number | null;
}

/** One entry of the rescue file. */
export interface RescueEntry {
  name: string;
  bytes: Uint8Array;
}

export type Link = "unknown" | "online" | "offline" | "sign_in" | "foreign" | "wrong_user";

/** Raised when a form's draft was sent from another tab already. */
export class AlreadySubmitted extends Error {
  constructor(readonly at: number) {
    super("already submitted");
  }
}

/** Raised when the phone has no room; `stored` tells whether the text is safe (in one store instead of two). */
export class StorageFull extends Error {
  constructor(
    message = "storage full",
    readonly stored = false,
  ) {
    super(message);
  }
}

/** Raised when a record can no longer be taken back: it is on its way, received, or something builds on it. */
export class TooLate extends Error {}

/** Raised when this browser cannot keep anything (private mode, broken database). */
export class StorageUnavailable extends Error {
  constructor(
    message?: string,
    /** The database does not answer. */
    readonly hangs = false,
    /** It may still keep what it was given last. */
    readonly unsure = false,
  ) {
    super(message);
  }
}

/** Raised when the page was left before this was in the store, and is shown again: it was not saved. */
export class PageLeft extends Error {}

/** What the page layer may rely on. */
export interface Engine {
  readonly userId: number;
  /** Writes ahead into both stores and resolves only then. Kicks the sender itself. */
  capture(input: CaptureInput): Promise<{ op: string; ref: string }>;
  /** Newest first. Accepted ones are kept for 30 days as proof of delivery. */
  list(): Promise<Op[]>;
  get(op: string): Promise<Op | undefined>;
  attachmentsOf(owner: { op?: string; draft?: string }): Promise<Attachment[]>;
  counts(): Promise<Counts>;
  link(): Link;
  /**
   * Ask the sender to run soon; never throws. Any reason but "timer" ends the pause after failures; "tap", "retry" and
   * "asked" are a person's word and send parked records too. A server's Retry-After is kept to all the same.
   */
  kick(reason: string): void;
  /** Called after every change of ops, attachments or link; returns the unsubscriber. Tabs hear each other. */
  subscribe(listener: () => void): () => void;
  /** Turns a rejected op into an open draft (same key, or `op:<id>`), photos attached; returns the draft. */
  reopen(op: string): Promise<Draft>;
  /** The only way to lose an unsent record: its author says so. Refuses while it is being sent. */
  discard(op: string): Promise<void>;
  /** Whether this tab may still take the record back. */
  mayUndo(op: Op): boolean;
  /** Takes a held record back; returns its draft, filled in again, or null for a button's. Throws TooLate. */
  undo(op: string): Promise<Draft | null>;
  /** The page is hidden: what is held goes at once. */
  endHolds(): Promise<void>;
  /** The page is going: what is held is sent in a request that outlives it. */
  sendHeldNow(): void;
  /** Frozen records, photos and drafts that are not yet received, for the rescue file; empty when there are none. */
  rescue(): Promise<RescueEntry[]>;
  drafts: {
    /**
     * Undefined when there is none or it was sent. Loading also tells the engine that this tab now shows that
     * state: call it whenever a form is (re)filled, else its next save or send is refused as already submitted.
     */
    load(key: string): Promise<Draft | undefined>;
    /** How often this key was sent, as far as this tab has seen. */
    generation(key: string): number;
    /** Throws AlreadySubmitted when the draft was sent since this tab loaded it, PageLeft when the page was left. */
    save(draft: Omit<Draft, "updated" | "state">): Promise<void>;
    remove(key: string): Promise<void>;
    list(): Promise<Draft[]>;
  };
  photos: {
    add(draft: string, file: { name: string; mime: string; role: string; bytes: Uint8Array }): Promise<Attachment>;
    bytes(id: string): Promise<Uint8Array | null>;
    remove(id: string): Promise<void>;
  };
  /** Once others on this phone may learn how much is unsent now: a page that goes at once would leave the old number. */
  noted(): Promise<void>;
  /** Its owner signs out: this phone no longer speaks for them, and keeps all they wrote. */
  leave(): Promise<void>;
  close(): void;
}

/** What the last valid hello said. */
export interface HelloInfo {
  at: number;
  epoch: string;
  offsetMs: number;
  missingSeqs: number[];
  limits: Limits;
  /** Whether the person is signed in; false where only this phone's token speaks. Servers of before do not say. */
  signedIn: boolean | null;
}

export interface Limits {
  batchOps: number;
  batchBytes: number;
  chunk: number;
  attachment: number;
}

/** What openEngine really returns: the page needs Engine only, the worker and the tests wait for idle. */
export interface RunningEngine extends Engine {
  /** Resolves when the sender has stopped, for waitUntil in a worker. */
  idle(): Promise<void>;
  hello(): HelloInfo | null;
}

/** Everything the engine takes from its surroundings, so that Node can run it. */
export interface Surroundings {
  indexedDB: IDBFactory;
  caches: CacheStorage;
  fetch: typeof fetch;
  locks: LockManager | null;
  now(): number; // ms since 1970
  random(): number;
  sleep(ms: number): Promise<void>;
  timezone(): string;
  /** The page's: the server's words about a record are shown beside the page's own. */
  language(): string;
  channel(name: string): BroadcastChannel | null;
  /** "browser" | "standalone" | …, reported in hello. */
  displayMode(): string;
  persisted(): Promise<boolean>;
  /** localStorage-like slow sentinel; may be absent. */
  sentinel: { get(): string | null; set(value: string): void } | null;
  /** The records that this tab may take back, across its page changes (sessionStorage); absent: this page's only. */
  heldHere?: { get(): string[]; set(ids: string[]): void };
  /** navigator.storage.estimate(), where there is one: photos stop at 80 % so that text always has room. */
  estimate?(): Promise<{ usage?: number; quota?: number }>;
  /** Whether the page is hidden, where there is a page. */
  hidden?(): boolean;
  /**
   * `leave` is called as the page is left, be it for the browser's memory (back/forward cache), and must not wait;
   * `back` as it is shown again. Absent where pages are not left.
   */
  onLeave?(leave: () => void, back: () => void): void;
  /** Fault injection: awaited at named points; production passes a no-op. */
  point(name: string): Promise<void>;
}
