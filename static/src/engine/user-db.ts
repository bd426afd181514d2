/** Database of one person: records, drafts and rows of photos without their bytes. */
import type { DBSchema } from "idb";
import { type Connection, connect, type Transaction } from "./connection.ts";
import type { Attachment, Draft, Environment, Op, OpState } from "./types.ts";

export interface DraftRow extends Draft {
  /** How often this key was submitted. A tab may write only to the generation it has seen. */
  gen: number;
  /** Photos taken over from a refused or undone record. Their mirror entries name the original draft. */
  brought?: string[];
}

export interface OpRow extends Op {
  /** Order of capture on this phone, across epochs (`seq` restarts with each). */
  pos: number;
  /** Generation of the draft it was made from. */
  gen: number;
  /** Id of the correction that replaced this record. */
  supersededBy: string | null;
  /** How often in a row the server failed with the same error. */
  errorRun: number;
}

export interface AttachmentRow extends Attachment {
  /** Generation of the draft it was added to. */
  gen: number;
  /** Path of the upload on the server, once created. */
  url: string | null;
  /** The loss was reported to the server. */
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

/** States in which the phone must keep the record. */
export const OPEN_STATES: readonly OpState[] = ["saved", "sending", "held", "parked", "rejected", "conflict"];

/** Open a person's database. Upgrades only add stores and indexes. */
export function openUserDb(env: Environment, userId: number): UserDb {
  return connect<UserSchema>(env, `fieldapp-u-${userId}`, 1, (raw, oldVersion) => {
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

/** Return all records without a final receipt, in order of capture. */
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
