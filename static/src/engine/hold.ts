/**
 * Decisions that can be taken back for some seconds. The record is frozen and in both stores at once; only the sender
 * waits until `holdUntil`. Undo and send are decided in IndexedDB transactions, so exactly one of them happens.
 */
import { utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Op } from "./types.ts";
import type { OpRow, UserTx } from "./user-db.ts";
import { authorization, KEEPALIVE_BYTES } from "./wire.ts";

/** A hold further off than any form asks for means that the clock was turned back: it is over. */
export const LONGEST_HOLD_MS = 15_000;

/** Whether the sender still has to wait for this record. */
export function isHeld(op: Pick<Op, "holdUntil">, now: number): boolean {
  const until = op.holdUntil ?? 0;
  return until > now && until - now <= LONGEST_HOLD_MS;
}

/** Remember the records that this tab may take back; other tabs may not, as only this one knows when it is left. */
export function remember(ctx: Context): void {
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
