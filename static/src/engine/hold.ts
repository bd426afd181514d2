/**
 * Decisions that can be taken back for some seconds. The record is frozen and in both stores at once; only the sender
 * waits until `holdUntil`. Undo and the sender decide in IndexedDB transactions, so exactly one of them happens. What a
 * page sends as it goes asks no store: so it sends only what this tab holds, undo takes a record out of the holds before
 * it asks its transaction, and a page that is shown again reads its holds anew.
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

/** The holds without those whose time is over. */
export function stillHeld(ctx: Context): Context["holds"] {
  const now = ctx.surroundings.now();
  for (const [id, { until }] of ctx.holds) if (!isHeld({ holdUntil: until }, now)) ctx.holds.delete(id);
  return ctx.holds;
}

/** Remember the records that this tab may take back; other tabs may not, as only this one knows when it is left. */
export function remember(ctx: Context): void {
  ctx.surroundings.heldHere?.set([...stillHeld(ctx).keys()]);
}

export function addHold(ctx: Context, { op, body, holdUntil }: OpRow): void {
  ctx.holds.set(op, { body, until: holdUntil ?? 0 });
  remember(ctx);
}

async function rowsOf(ctx: Context, ids: string[]): Promise<(OpRow | undefined)[]> {
  return ctx.db.run(["ops"], "readonly", (tx) => Promise.all(ids.map((id) => tx.objectStore("ops").get(id))));
}

/** After a page change in the same tab, or as a page comes back from the browser's memory: this tab's holds go on. */
export async function restoreHolds(ctx: Context): Promise<void> {
  const { left } = ctx;
  ctx.holds.clear();
  const ids = ctx.surroundings.heldHere?.get() ?? [];
  if (ids.length === 0) return;
  const rows = await rowsOf(ctx, ids);
  // Left meanwhile: the next return reads them anew.
  if (ctx.left !== left) return;
  const now = ctx.surroundings.now();
  for (const row of rows) if (row?.state === "saved" && isHeld(row, now)) addHold(ctx, row);
  remember(ctx);
  ctx.changed();
}

/** Another tab changed something: what it discarded or sent is held here no longer. */
export async function dropHolds(ctx: Context): Promise<void> {
  const ids = [...stillHeld(ctx).keys()];
  if (ids.length === 0) return;
  for (const [n, row] of (await rowsOf(ctx, ids)).entries()) if (row?.state !== "saved") ctx.holds.delete(ids[n] ?? "");
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
  const ids = [...stillHeld(ctx).keys()];
  if (ids.length === 0) return;
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
  const bodies = [...stillHeld(ctx).values()].map((held) => held.body);
  ctx.holds.clear();
  remember(ctx);
  const request = () => JSON.stringify({ ops: bodies });
  // The first ones, as many as fit: the next start sends the others.
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
    void ctx.surroundings.fetch("/sync/push", options).catch(() => undefined);
  } catch {
    // The next start sends it.
  }
}
