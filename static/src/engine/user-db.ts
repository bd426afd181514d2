/** One person's records on this phone: text and states. Bytes of photos are never in here. */
import type { DBSchema } from "idb";
import { type Connection, connect, type Transaction } from "./connection.ts";
import type { Attachment, Draft, Op, OpState, Surroundings } from "./types.ts";

export interface DraftRow extends Draft {
  /** Counts how often this key was sent. A tab may write only to the generation it has seen. */
  gen: number;
  /** Photos that came with a refused or undone record. Their copies name the draft they were added to, not this one. */
  brought?: string[];
}

export interface OpRow extends Op {
  /** Order of capture on this phone, across database lives (seq restarts with each). */
  pos: number;
  /** Generation of the draft it was made from. */
  gen: number;
  /** The corrected record that took this one's place. */
  supersededBy: string | null;
  /** How many times in a row the server failed on it in the same way. */
  errorRun: number;
}

export interface AttachmentRow extends Attachment {
  /** Generation of the draft it was added to. */
  gen: number;
  /** Where the server takes its bytes, once agreed. */
  url: string | null;
  /** The server knows that it is lost. */
  told?: boolean;
}

export interface Clock {
  offset: number;
  at: number;
}

export interface UserSchema extends DBSchema {
  drafts: { key: string; value: DraftRow };
  ops: { key: string; value: OpRow; indexes: { state: OpState; numbered: [string, number] } };
  attachments: { key: string; value: AttachmentRow; indexes: { op: string; draft: string; state: string } };
  meta: { key: string; value: unknown };
}

export type UserDb = Connection<UserSchema>;
export type UserTx = Transaction<UserSchema>;

/** All states in which a record still needs the phone. */
export const OPEN_STATES: readonly OpState[] = ["saved", "sending", "held", "parked", "rejected", "conflict"];

/** Upgrades only ever add. */
export function openUserDb(surroundings: Surroundings, userId: number): UserDb {
  return connect<UserSchema>(surroundings, `fieldapp-u-${userId}`, 1, (raw, oldVersion) => {
    if (oldVersion < 1) {
      raw.createObjectStore("drafts", { keyPath: "key" });
      const ops = raw.createObjectStore("ops", { keyPath: "op" });
      ops.createIndex("state", "state");
      ops.createIndex("numbered", ["ep", "seq"], { unique: true });
      const attachments = raw.createObjectStore("attachments", { keyPath: "id" });
      attachments.createIndex("op", "op");
      attachments.createIndex("draft", "draft");
      attachments.createIndex("state", "state");
      raw.createObjectStore("meta");
    }
  });
}

/** Every record that is not yet received, in order of capture. */
export async function openOps(tx: UserTx): Promise<OpRow[]> {
  const index = tx.objectStore("ops").index("state");
  const groups = await Promise.all(OPEN_STATES.map((state) => index.getAll(state)));
  return groups.flat().sort((a, b) => a.pos - b.pos);
}

export async function getMeta<T>(tx: UserTx, name: string): Promise<T | undefined> {
  return (await tx.objectStore("meta").get(name)) as T | undefined;
}

export async function setMeta(tx: UserTx, name: string, value: unknown): Promise<void> {
  await tx.objectStore("meta").put(value, name);
}
