/** Store results of sending. A received record is never unsent again, except when the server was restored from a backup. */
import { backoff, PARKED_MS } from "./backoff.ts";
import type { Context } from "./context.ts";
import { isHeld, saveHoldIds } from "./hold.ts";
import { dropMirrorCopy, RETENTION_MS } from "./retention.ts";
import type { OpResult, OpState } from "./types.ts";
import { type OpRow, openOps } from "./user-db.ts";

/** Code of a record that needs a session: a device token is not enough for it. */
export const NEEDS_SESSION = "session.needed";

const PARK_AFTER = 3;
const HELD_RETRY_MIN_MS = 60_000;
const HELD_RETRY_MAX_MS = 3_600_000;

/** Abort reason of a turn that lost its lock: the "sending" marks may now belong to another sender. */
export const LOCK_LOST = "lost";

/** Mark records as sending. Return those marked: others were undone or discarded since they were planned. */
export async function markSending(ctx: Context, ops: OpRow[], signal: AbortSignal): Promise<OpRow[]> {
  const now = ctx.env.now();
  const marked = await updateUnsent(ctx, ops, (row) =>
    signal.aborted || isHeld(row, now) ? null : { ...row, state: "sending", attempts: row.attempts + 1, triedAt: now },
  );
  return ops.filter((op) => marked.has(op.op));
}

/**
 * Set records back to waiting. `error` counts against the record; null means that the network failed. After the lock was
 * lost nothing is changed: another sender may have marked the records again, and the next turn resets old marks.
 */
export async function returnToQueue(
  ctx: Context,
  ops: OpRow[],
  error: string | null,
  signal: AbortSignal,
): Promise<void> {
  const now = ctx.env.now();
  await updateUnsent(ctx, ops, (row) => {
    if (signal.reason === LOCK_LOST) return null;
    return error === null ? { ...row, state: waitingState(row) } : withFailure(ctx, row, error, now);
  });
}

function waitingState(row: OpRow): OpState {
  return isParked(row.lastError, row.errorRun) ? "parked" : "saved";
}

/** Return whether the record is parked. An unknown schema or an expired session is not its fault. */
function isParked(error: string | null, errorRun: number): boolean {
  return errorRun >= PARK_AFTER && error !== "unsupported_schema" && error !== NEEDS_SESSION;
}

function withFailure(ctx: Context, row: OpRow, error: string, now: number): OpRow {
  const errorRun = row.lastError === error ? row.errorRun + 1 : 1;
  const parked = isParked(error, errorRun);
  const nextAt = now + (parked ? PARKED_MS : backoff(errorRun, ctx.env.random()));
  return { ...row, state: parked ? "parked" : "saved", lastError: error, errorRun, nextAt };
}

async function updateUnsent(ctx: Context, ops: OpRow[], next: (row: OpRow) => OpRow | null): Promise<Set<string>> {
  if (ops.length === 0) return new Set();
  return ctx.db.run(["ops"], "readwrite", async (tx) => {
    const changed = new Set<string>();
    for (const { op } of ops) {
      const row = await tx.objectStore("ops").get(op);
      // Another sender may have stored a receipt meanwhile.
      const open = row && (row.state === "saved" || row.state === "sending" || row.state === "parked");
      const after = open ? next(row) : null;
      if (!after) continue;
      await tx.objectStore("ops").put(after);
      changed.add(op);
    }
    return changed;
  });
}

export async function applyResults(ctx: Context, results: Iterable<OpResult>): Promise<void> {
  const now = ctx.env.now();
  const all = [...results];
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const result of all) {
      const row = await tx.objectStore("ops").get(result.op);
      if (!row || row.state === "accepted" || row.sha256 !== result.sha256) continue;
      await tx.objectStore("ops").put(withResult(ctx, row, result, now));
    }
  });
  for (const { op } of all) ctx.holds.delete(op);
  saveHoldIds(ctx);
  await ctx.env.point("results:committed");
  for (const result of all) if (result.outcome === "accepted") await dropMirrorCopy(ctx, result.op);
}

function withResult(ctx: Context, row: OpRow, result: OpResult, now: number): OpRow {
  const done = { ...row, result, lastError: null, errorRun: 0 };
  switch (result.outcome) {
    case "accepted":
      return { ...done, state: "accepted", receivedAt: now };
    case "held": {
      const since = now - (row.receivedAt ?? now);
      const nextAt = now + Math.min(HELD_RETRY_MAX_MS, Math.max(HELD_RETRY_MIN_MS, since));
      return { ...done, state: "held", receivedAt: row.receivedAt ?? now, nextAt };
    }
    case "conflict":
      return { ...done, state: "conflict" };
    case "rejected":
    case "id_reused":
      return { ...done, state: "rejected" };
    case "wrong_user":
      return row.state === "held" ? row : { ...row, state: waitingState(row) };
    case "busy":
    case "unsupported_schema":
      return row.state === "held"
        ? row
        : withFailure(ctx, row, needsSession(result) ? NEEDS_SESSION : result.outcome, now);
  }
}

export function needsSession(result: OpResult): boolean {
  return result.outcome === "busy" && result.code === NEEDS_SESSION;
}

/** Make records due that waited for the person to sign in. */
export async function retryAfterSignIn(ctx: Context): Promise<void> {
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const row of await openOps(tx)) {
      if (row.lastError === NEEDS_SESSION && row.nextAt > 0) await tx.objectStore("ops").put({ ...row, nextAt: 0 });
    }
  });
}

/** Postpone the next question about held records without a new result; the delay grows with their age. */
export async function postponeHeld(ctx: Context, ops: OpRow[]): Promise<void> {
  const now = ctx.env.now();
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const { op } of ops) {
      const row = await tx.objectStore("ops").get(op);
      if (row?.state !== "held") continue;
      const wait = Math.min(HELD_RETRY_MAX_MS, Math.max(HELD_RETRY_MIN_MS, now - (row.receivedAt ?? now)));
      await tx.objectStore("ops").put({ ...row, nextAt: now + wait });
    }
  });
}

/** Make every record due, also parked and held ones, because a person asked to send. */
export async function makeAllDue(ctx: Context): Promise<void> {
  await ctx.db.run(["ops"], "readwrite", async (tx) => {
    for (const row of await openOps(tx)) {
      if (row.nextAt > 0 || row.holdUntil) await tx.objectStore("ops").put({ ...row, nextAt: 0, holdUntil: 0 });
    }
  });
}

/** Queue the last 30 days again after the server was restored from a backup; it recognizes records by id. */
export async function resendReceived(ctx: Context): Promise<void> {
  const since = ctx.env.now() - RETENTION_MS;
  const resent = await ctx.db.run(["ops"], "readwrite", async (tx) => {
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
  for (const row of resent) await ctx.mirror.putOp(row);
}
