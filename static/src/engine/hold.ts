/**
 * Decisions that can be taken back for some seconds. The record is frozen and in both stores at once; only the sender
 * waits until `holdUntil`. Undo and send are decided in IndexedDB transactions, so exactly one of them happens.
 */
import { utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import { shown } from "./drafts.ts";
import { deleteOp } from "./release.ts";
import type { Draft, Op } from "./types.ts";
import { type DraftRow, type OpRow, openOps, type UserTx } from "./user-db.ts";
import { authorization, KEEPALIVE_BYTES } from "./wire.ts";

/** A hold further off than any form asks for means that the clock was turned back: it is over. */
export const LONGEST_HOLD_MS = 15_000;

/** Raised when the record can no longer be taken back: it is on its way, received, or something builds on it. */
export class TooLate extends Error {}

/** Whether the sender still has to wait for this record. */
export function isHeld(op: Pick<Op, "holdUntil">, now: number): boolean {
  const until = op.holdUntil ?? 0;
  return until > now && until - now <= LONGEST_HOLD_MS;
}

/** Remember the records that this tab may take back; other tabs may not, as only this one knows when it is left. */
function remember(ctx: Context): void {
  ctx.surroundings.heldHere?.set([...ctx.holds.keys()]);
}

export function addHold(ctx: Context, op: OpRow): void {
  ctx.holds.set(op.op, op.body);
  remember(ctx);
}

/** After a page change in the same tab: its holds go on. */
export async function restoreHolds(ctx: Context): Promise<void> {
  const now = ctx.surroundings.now();
  for (const id of ctx.surroundings.heldHere?.get() ?? []) {
    const row = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").get(id));
    if (row?.state === "saved" && isHeld(row, now)) ctx.holds.set(id, row.body);
  }
  remember(ctx);
}

export function mayUndo(ctx: Context, op: Op): boolean {
  return op.state === "saved" && ctx.holds.has(op.op) && isHeld(op, ctx.surroundings.now());
}

/** What the new record speaks of can no longer be taken back; called in the new record's transaction. */
export async function endHoldsOf(tx: UserTx, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const row = await tx.objectStore("ops").get(id);
    if (row?.holdUntil) await tx.objectStore("ops").put({ ...row, holdUntil: 0 });
  }
}

/**
 * Take a held record back, as asked for at `now`: it is deleted, and its draft is open again with fields and photos as they were. Return the
 * draft, null for a record that was made by a button. Raise TooLate once it is no longer held.
 */
export async function undo(ctx: Context, id: string, now: number): Promise<Draft | null> {
  if (!ctx.holds.has(id)) throw new TooLate(id);
  const done = await ctx.db.run(["ops", "drafts", "attachments", "meta"], "readwrite", async (tx) => {
    const op = await tx.objectStore("ops").get(id);
    if (op?.state !== "saved" || op.supersededBy !== null || !isHeld(op, now)) return null;
    if ((await openOps(tx)).some((other) => other.depends.includes(id))) return null;
    const draft = await bringBackDraft(ctx, tx, op, now);
    await deleteOp(tx, op, "author", now);
    return { draft, earlier: op.supersedes };
  });
  ctx.holds.delete(id);
  remember(ctx);
  if (!done) throw new TooLate(id);
  await ctx.surroundings.point("undo:committed");
  const { draft, earlier } = done;
  if (draft) {
    ctx.seen.set(draft.key, draft.gen);
    await ctx.mirror.putDraft(draft).catch(() => undefined);
  }
  await ctx.mirror.drop("op", id);
  ctx.changed();
  const corrected = earlier
    ? await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").get(earlier))
    : undefined;
  if (corrected) await ctx.mirror.putOp(corrected);
  return draft && shown(draft);
}

async function bringBackDraft(ctx: Context, tx: UserTx, op: OpRow, now: number): Promise<DraftRow | null> {
  if (op.draftKey === null) return null;
  const drafts = tx.objectStore("drafts");
  const row = await drafts.get(op.draftKey);
  // Somebody began a new form under this key within the seconds: leave it alone.
  const key = row?.state === "open" ? `op:${op.op}` : op.draftKey;
  const gen = Math.max(row?.gen ?? 0, ctx.seen.get(key) ?? 0);
  const { kind, title, url, fields, supersedes } = op;
  const draft: DraftRow = {
    key,
    kind,
    title,
    url,
    fields,
    supersedes,
    state: "open",
    problems: null,
    updated: now,
    gen,
  };
  await drafts.put(draft);
  const photos = tx.objectStore("attachments");
  for (const photo of await photos.index("op").getAll(op.op)) await photos.put({ ...photo, op: null, draft: key, gen });
  return draft;
}

/** The page is hidden: its holds end now, and the sender goes on without a pause. */
export async function endHolds(ctx: Context): Promise<void> {
  if (ctx.holds.size === 0) return;
  const ids = [...ctx.holds.keys()];
  ctx.holds.clear();
  remember(ctx);
  await ctx.db.run(["ops"], "readwrite", (tx) => endHoldsOf(tx, ids));
  ctx.changed();
  ctx.kick("hidden");
}

/**
 * The page is going: nothing asynchronous would end any more. Send what is held in a request that outlives the page;
 * its answer is not heard, and the next start sends again and gets the same receipt.
 */
export function sendHeldNow(ctx: Context): void {
  const bodies = [...ctx.holds.values()];
  ctx.holds.clear();
  remember(ctx);
  const body = JSON.stringify({ ops: bodies });
  if (bodies.length === 0 || utf8(body).length > KEEPALIVE_BYTES) return;
  const headers = { "Content-Type": "application/json", "X-Fieldapp-Client": ctx.build, ...authorization(ctx.token) };
  try {
    const options = {
      method: "POST",
      keepalive: true,
      credentials: "same-origin",
      redirect: "error",
      headers,
      body,
    } as const;
    void ctx.surroundings.fetch("/sync/push", options).catch(() => undefined);
  } catch {
    // The next start sends it.
  }
}
