/**
 * Holds: records that can be undone for some seconds. The record is stored at once; only the sender waits until
 * `holdUntil`. Undo and sender decide in IndexedDB transactions, so exactly one of them wins. A page that is unloaded
 * sends without a transaction: so it sends only records in `ctx.holds`, undo removes a record from there before its
 * transaction begins, and a page that is shown again reloads its holds.
 */
import { utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Op } from "./types.ts";
import type { OpRow, UserTx } from "./user-db.ts";
import { authorization, KEEPALIVE_BYTES } from "./wire.ts";

/** Longest hold of any form. A later end means that the clock was set back: the hold is over. */
export const LONGEST_HOLD_MS = 15_000;

/** Return whether the sender must still wait for this record. */
export function isHeld(op: Pick<Op, "holdUntil">, now: number): boolean {
  const until = op.holdUntil ?? 0;
  return until > now && until - now <= LONGEST_HOLD_MS;
}

/** Remove expired holds and return the others. */
export function activeHolds(ctx: Context): Context["holds"] {
  const now = ctx.env.now();
  for (const [id, { until }] of ctx.holds) if (!isHeld({ holdUntil: until }, now)) ctx.holds.delete(id);
  return ctx.holds;
}

/** Save the ids of this tab's holds in session storage. Other tabs cannot undo: only this one knows when it is left. */
export function saveHoldIds(ctx: Context): void {
  ctx.env.heldIds?.set([...activeHolds(ctx).keys()]);
}

export function addHold(ctx: Context, { op, body, holdUntil }: OpRow): void {
  ctx.holds.set(op, { body, until: holdUntil ?? 0 });
  saveHoldIds(ctx);
}

async function readOps(ctx: Context, ids: string[]): Promise<(OpRow | undefined)[]> {
  return ctx.db.run(["ops"], "readonly", (tx) => Promise.all(ids.map((id) => tx.objectStore("ops").get(id))));
}

/** Reload this tab's holds after navigation or when the page returns from the back/forward cache. */
export async function restoreHolds(ctx: Context): Promise<void> {
  const { exits } = ctx;
  ctx.holds.clear();
  const ids = ctx.env.heldIds?.get() ?? [];
  if (ids.length === 0) return;
  const rows = await readOps(ctx, ids);
  // The page was left meanwhile: the next return reloads them.
  if (ctx.exits !== exits) return;
  const now = ctx.env.now();
  for (const row of rows) if (row?.state === "saved" && isHeld(row, now)) addHold(ctx, row);
  saveHoldIds(ctx);
  ctx.changed();
}

/** Remove holds whose record another tab discarded or sent. */
export async function removeEndedHolds(ctx: Context): Promise<void> {
  const ids = [...activeHolds(ctx).keys()];
  if (ids.length === 0) return;
  for (const [n, row] of (await readOps(ctx, ids)).entries())
    if (row?.state !== "saved") ctx.holds.delete(ids[n] ?? "");
  saveHoldIds(ctx);
}

export function mayUndo(ctx: Context, op: Op): boolean {
  return op.state === "saved" && ctx.holds.has(op.op) && isHeld(op, ctx.env.now());
}

/** End the holds of records that a new record depends on, in the new record's transaction. */
export async function clearHolds(tx: UserTx, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const row = await tx.objectStore("ops").get(id);
    if (row?.holdUntil) await tx.objectStore("ops").put({ ...row, holdUntil: 0 });
  }
}

/** End all holds of this tab because the page is hidden, and start the sender. */
export async function endHolds(ctx: Context): Promise<void> {
  const ids = [...activeHolds(ctx).keys()];
  if (ids.length === 0) return;
  ctx.holds.clear();
  saveHoldIds(ctx);
  await ctx.db.run(["ops"], "readwrite", (tx) => clearHolds(tx, ids));
  ctx.changed();
  ctx.kick("hidden");
}

/**
 * Send held records in a keepalive request because the page is being unloaded and nothing asynchronous would finish.
 * The response is lost; the next start sends again and gets the same receipt.
 */
export function sendHeldNow(ctx: Context): void {
  const bodies = [...activeHolds(ctx).values()].map((held) => held.body);
  ctx.holds.clear();
  saveHoldIds(ctx);
  const request = () => JSON.stringify({ ops: bodies });
  // As many as fit; the next start sends the others.
  while (utf8(request()).length > KEEPALIVE_BYTES) bodies.pop();
  const body = request();
  if (bodies.length === 0) return;
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
    void ctx.env.fetch("/sync/push", options).catch(() => undefined);
  } catch {
    // The next start sends it.
  }
}
