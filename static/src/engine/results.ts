/** Writes down what the server said. A received record never goes back, save when the server lost its own memory. */
import { backoff, PARKED_MS } from "./backoff.ts";
import type { Context } from "./context.ts";
import { isHeld, remember } from "./hold.ts";
import { KEEP_MS, release } from "./release.ts";
import type { OpResult, OpState } from "./types.ts";
import { type OpRow, openOps } from "./user-db.ts";

/** What the server says of a record that its author must be signed in for: a token brings only own work. */
export const NEEDS_SESSION = "session.needed";

const PARK_AFTER = 3;
const ASK_AGAIN_MS = 60_000;
const ASK_SELDOM_MS = 3_600_000;

/** Why a turn's signal was aborted: the lock went to another sender, and the marks with it. */
export const LOST = "lost";

/** Return those that may be sent: another tab may have taken one back or discarded it since it was planned. */
export async function markSending(ctx: Context, ops: OpRow[], signal: AbortSignal): Promise<OpRow[]> {
  const now = ctx.surroundings.now();
  const marked = await change(ctx, ops, (row) =>
    signal.aborted || isHeld(row, now) ? null : { ...row, state: "sending", attempts: row.attempts + 1, triedAt: now },
  );
  return ops.filter((op) => marked.has(op.op));
}

/**
 * Back to waiting; `error` blames the record itself, null only the way to the server. Without the lock nothing is put
 * back: whoever begins the next turn does that, and until then another sender may have marked it anew.
 */
export async function putBack(ctx: Context, ops: OpRow[], error: string | null, signal: AbortSignal): Promise<void> {
  const now = ctx.surroundings.now();
  await change(ctx, ops, (row) => {
    if (signal.reason === LOST) return null;
    return error === null ? { ...row, state: stateOf(row) } : failed(ctx, row, error, now);
  });
}

function stateOf(row: OpRow): OpState {
  return parks(row.lastError, row.errorRun) ? "parked" : "saved";
}

/** A schema the server does not know yet, and a session that ran out, are no fault of the record: it waits. */
function parks(error: string | null, errorRun: number): boolean {
  return errorRun >= PARK_AFTER && error !== "unsupported_schema" && error !== NEEDS_SESSION;
}

function failed(ctx: Context, row: OpRow, error: string, now: number): OpRow {
  const errorRun = row.lastError === error ? row.errorRun + 1 : 1;
  const parked = parks(error, errorRun);
  const nextAt = now + (parked ? PARKED_MS : backoff(errorRun, ctx.surroundings.random()));
  return { ...row, state: parked ? "parked" : "saved", lastError: error, errorRun, nextAt };
}

async function change(ctx: Context, ops: OpRow[], next: (row: OpRow) => OpRow | null): Promise<Set<string>> {
  if (ops.length === 0) return new Set();
  return ctx.db.run(["ops"], "readwrite", async (tx) => {
    const changed = new Set<string>();
    for (const { op } of ops) {
      const row = await tx.objectStore("ops").get(op);
      // Another sender may have got its receipt meanwhile.
      const open = row && (row.state === "saved" || row.state === "sending" || row.state === "parked");
      const after = open ? next(row) : null;
      if (!after) continue;
      await tx.objectStore("ops").put(after);
      changed.add(op);
    }
    return changed;
  });
}

export async function settle(ctx: Context, results: Iterable<OpResult>): Promise<void> {
  const now = ctx.surroundings.now();
  const all = [...results];
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const result of all) {
      const row = await tx.objectStore("ops").get(result.op);
      if (!row || row.state === "accepted" || row.sha256 !== result.sha256) continue;
      await tx.objectStore("ops").put(settled(ctx, row, result, now));
    }
  });
  for (const { op } of all) ctx.holds.delete(op);
  remember(ctx);
  await ctx.surroundings.point("results:committed");
  for (const result of all) if (result.outcome === "accepted") await release(ctx, result.op);
}

function settled(ctx: Context, row: OpRow, result: OpResult, now: number): OpRow {
  const done = { ...row, result, lastError: null, errorRun: 0 };
  switch (result.outcome) {
    case "accepted":
      return { ...done, state: "accepted", receivedAt: now };
    case "held": {
      const since = now - (row.receivedAt ?? now);
      const nextAt = now + Math.min(ASK_SELDOM_MS, Math.max(ASK_AGAIN_MS, since));
      return { ...done, state: "held", receivedAt: row.receivedAt ?? now, nextAt };
    }
    case "conflict":
      return { ...done, state: "conflict" };
    case "rejected":
    case "id_reused":
      return { ...done, state: "rejected" };
    case "wrong_user":
      return row.state === "held" ? row : { ...row, state: stateOf(row) };
    case "busy":
    case "unsupported_schema":
      return row.state === "held" ? row : failed(ctx, row, needsSession(result) ? NEEDS_SESSION : result.outcome, now);
  }
}

export function needsSession(result: OpResult): boolean {
  return result.outcome === "busy" && result.code === NEEDS_SESSION;
}

/** The person is signed in again: what waited for that goes at once. */
export async function signedIn(ctx: Context): Promise<void> {
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const row of await openOps(tx)) {
      if (row.lastError === NEEDS_SESSION && row.nextAt > 0) await tx.objectStore("ops").put({ ...row, nextAt: 0 });
    }
  });
}

/** What was asked about and not named: ask again later, with the wait growing with its age. */
export async function askLater(ctx: Context, ops: OpRow[]): Promise<void> {
  const now = ctx.surroundings.now();
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const { op } of ops) {
      const row = await tx.objectStore("ops").get(op);
      if (row?.state !== "held") continue;
      const wait = Math.min(ASK_SELDOM_MS, Math.max(ASK_AGAIN_MS, now - (row.receivedAt ?? now)));
      await tx.objectStore("ops").put({ ...row, nextAt: now + wait });
    }
  });
}

/** A person asked for it: nothing waits any longer, parked or held back for undo. */
export async function dueNow(ctx: Context): Promise<void> {
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const row of await openOps(tx)) {
      if (row.nextAt > 0 || row.holdUntil) await tx.objectStore("ops").put({ ...row, nextAt: 0, holdUntil: 0 });
    }
  });
}

/** The server was restored from a backup: offer the last 30 days again, it knows by the ids what it has. */
export async function reoffer(ctx: Context): Promise<void> {
  const since = ctx.surroundings.now() - KEEP_MS;
  const again = await ctx.db.run(["ops"], "readwrite", async (tx) => {
    const rows: OpRow[] = [];
    for (const row of await tx.objectStore("ops").getAll()) {
      const lost = row.state === "held" || (row.state === "accepted" && (row.receivedAt ?? 0) > since);
      if (!lost) continue;
      const offered: OpRow = { ...row, state: "saved", receivedAt: null, nextAt: 0, result: null };
      await tx.objectStore("ops").put(offered);
      rows.push(offered);
    }
    return rows;
  });
  for (const row of again) await ctx.mirror.putOp(row);
}
