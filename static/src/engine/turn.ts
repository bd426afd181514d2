/** One turn of the sender: at most one batch, one question about held records, or one photo. */
import { backoff } from "./backoff.ts";
import type { Context } from "./context.ts";
import { DEFAULT_LIMITS, HELLO_EVERY_MS, type Hello, sayHello } from "./hello.ts";
import { plan } from "./plan.ts";
import { reconcile, unlessFull } from "./reconcile.ts";
import { judge, receipts, type Verdict } from "./reply.ts";
import { askLater, LOST, markSending, needsSession, putBack, settle } from "./results.ts";
import { silenced } from "./token.ts";
import type { HelloInfo, Link } from "./types.ts";
import { FIRST_PIECE, type Piece, type Uploaded, upload } from "./upload.ts";
import { getMeta, type OpRow, openOps, setMeta } from "./user-db.ts";
import { askJson } from "./wire.ts";

/** What the sender remembers while the page lives; nothing of it is needed to go on after a kill. */
export interface Memory {
  hello: HelloInfo | null;
  /** Small batches while the server or the network chokes on large ones. */
  maxOps: number;
  piece: Piece;
  photoFailures: Map<string, { count: number; nextAt: number }>;
  /** Something waits until its author signs in, while the rest goes by the token. */
  signIn: boolean;
}

export type Turn =
  /** Something moved: go on at once. */
  { is: "more" } | { is: "done"; wakeAt: number | null } | { is: "failed"; link: Link; waitMs: number | null };

export function newMemory(): Memory {
  const { batchOps, chunk } = DEFAULT_LIMITS;
  return {
    hello: null,
    maxOps: batchOps,
    piece: { size: FIRST_PIECE, most: chunk, at: null },
    photoFailures: new Map(),
    signIn: false,
  };
}

export async function turn(ctx: Context, memory: Memory, signal: AbortSignal): Promise<Turn> {
  const now = ctx.surroundings.now();
  await begin(ctx, now, signal);
  const link = await silenced(ctx);
  if (link) return { is: "failed", link, waitMs: null };
  if (!memory.hello || Math.abs(now - memory.hello.at) >= HELLO_EVERY_MS) {
    const hello = await sayHello(ctx, signal);
    if (hello.is !== "hello") return failure(hello);
    memory.hello = hello.info;
    memory.piece.most = hello.info.limits.chunk;
    memory.piece.size = Math.min(memory.piece.size, memory.piece.most);
  }
  const next = await nextPlan(ctx, memory, memory.hello);
  memory.signIn = next.signIn;
  if (next.batch.length > 0) return push(ctx, memory, next.batch, signal);
  if (next.held.length > 0) return askAbout(ctx, next.held, signal);
  if (next.photo) return noteUpload(ctx, memory, next.photo.id, await upload(ctx, next.photo, memory.piece, signal));
  return { is: "done", wakeAt: next.wakeAt };
}

/**
 * We hold the lock, so whatever is marked as being sent was left so by a tab that died. Marks only: a phone without
 * room for them sends all the same, for nothing else gets its records off it (failure mode 27).
 */
async function begin(ctx: Context, now: number, signal: AbortSignal): Promise<void> {
  const marked = ctx.db.run(["ops", "meta"], "readwrite", async (tx) => {
    // Repeated after the page was left: the lock and the marks are another's.
    if (signal.reason === LOST) return true;
    await setMeta(tx, "heartbeat", now);
    for (const row of await tx.objectStore("ops").index("state").getAll("sending")) {
      await tx.objectStore("ops").put({ ...row, state: "saved" });
    }
    return (await getMeta(tx, "ep")) !== undefined;
  });
  const numbered = await marked.catch((error: unknown) => {
    unlessFull(error);
    return true;
  });
  if (!numbered) await reconcile(ctx);
}

async function nextPlan(ctx: Context, memory: Memory, hello: HelloInfo) {
  const rows = await ctx.db.run(["ops", "attachments"], "readonly", async (tx) => {
    const byState = tx.objectStore("attachments").index("state");
    const photos = [...(await byState.getAll("local")), ...(await byState.getAll("sending"))];
    const received = new Set<string>();
    for (const photo of await byState.getAll("lost_on_device")) if (!photo.told) photos.push(photo);
    for (const { op, state } of photos) {
      const row = op === null ? undefined : await tx.objectStore("ops").get(op);
      // Before its record is in effect the server knows nothing of a photo that it could miss.
      if (row?.state === "accepted" || (row?.state === "held" && state !== "lost_on_device")) received.add(row.op);
    }
    return { open: await openOps(tx), photos, received };
  });
  const photoNextAt = new Map([...memory.photoFailures].map(([id, failed]) => [id, failed.nextAt]));
  const maxOps = Math.max(1, Math.min(memory.maxOps, hello.limits.batchOps));
  return plan({ ...rows, photoNextAt, now: ctx.surroundings.now(), maxOps, maxBytes: hello.limits.batchBytes });
}

async function push(ctx: Context, memory: Memory, planned: OpRow[], signal: AbortSignal): Promise<Turn> {
  await ctx.surroundings.point("push:planned");
  const marked = await markSending(ctx, planned, signal).catch(unlessFull);
  // A full phone cannot mark. Holds that are over cannot be taken back any more, so nothing is sent that was undone.
  const batch = marked ?? (await stillHere(ctx, planned));
  // Taken back or discarded since; never a loop, should plan and mark ever disagree.
  if (batch.length === 0) return { is: "done", wakeAt: ctx.surroundings.now() + 1000 };
  ctx.changed();
  await ctx.surroundings.point("push:marked");
  const reply = await askJson(ctx, "/sync/push", { ops: batch.map((op) => op.body) }, signal);
  await ctx.surroundings.point("push:answered");
  const verdict = judge(reply, ctx.instance, ctx.surroundings.now());
  const named = verdict.is === "json" ? receipts(verdict.body, batch) : new Map<string, never>();
  try {
    if (named.size === 0) return await noReceipt(ctx, memory, batch, verdict, signal);
    await settle(ctx, named.values());
    // Half an answer: the rest is put back unblamed and goes again with the next failure's pause.
    await putBack(
      ctx,
      batch.filter((op) => !named.has(op.op)),
      null,
      signal,
    );
  } finally {
    ctx.changed();
  }
  memory.maxOps = Math.min(memory.maxOps * 2, 1000);
  if ([...named.values()].some(needsSession)) memory.signIn = true;
  if ([...named.values()].some((result) => result.outcome === "wrong_user")) {
    memory.hello = null;
    return { is: "failed", link: "wrong_user", waitMs: null };
  }
  return named.size === batch.length ? { is: "more" } : { is: "failed", link: "online", waitMs: null };
}

async function stillHere(ctx: Context, planned: OpRow[]): Promise<OpRow[]> {
  const keys = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").getAllKeys());
  const there = new Set(keys);
  return planned.filter((op) => there.has(op.op));
}

async function noReceipt(
  ctx: Context,
  memory: Memory,
  batch: OpRow[],
  verdict: Verdict,
  signal: AbortSignal,
): Promise<Turn> {
  const alone = batch.length === 1;
  // Perhaps the batch was too much for this network or for one poisoned record: find out by halves.
  if (!alone && /^(too_large|server_error|unreachable)$/.test(verdict.is)) memory.maxOps = Math.ceil(batch.length / 2);
  if (verdict.is === "too_large" || verdict.is === "server_error") {
    const error = verdict.is === "too_large" ? "too_large" : `http_${verdict.status}`;
    await putBack(ctx, batch, alone ? error : null, signal);
    // A server that is down altogether fails this question too, and then no record is to blame.
    if (verdict.is === "server_error") memory.hello = null;
    return { is: "more" };
  }
  await putBack(ctx, batch, null, signal);
  return failure(verdict);
}

async function askAbout(ctx: Context, held: OpRow[], signal: AbortSignal): Promise<Turn> {
  const reply = await askJson(ctx, "/sync/receipts", { ops: held.map((op) => op.op) }, signal);
  const verdict = judge(reply, ctx.instance, ctx.surroundings.now());
  if (verdict.is !== "json") return failure(verdict);
  const named = receipts(verdict.body, held);
  await settle(ctx, named.values());
  await askLater(
    ctx,
    held.filter((op) => !named.has(op.op)),
  );
  ctx.changed();
  return { is: "more" };
}

function noteUpload(ctx: Context, memory: Memory, id: string, uploaded: Uploaded): Turn {
  if (uploaded.is === "stored" || uploaded.is === "lost" || uploaded.is === "going") {
    memory.photoFailures.delete(id);
    return { is: "more" };
  }
  if (uploaded.is === "later" || uploaded.is === "server_error" || uploaded.is === "unreachable") {
    const count = (memory.photoFailures.get(id)?.count ?? 0) + 1;
    const nextAt = ctx.surroundings.now() + backoff(count, ctx.surroundings.random());
    memory.photoFailures.set(id, { count, nextAt });
    if (uploaded.is === "server_error") memory.hello = null;
    // After a pause another photo gets its chance first.
    return uploaded.is === "unreachable" ? failure(uploaded) : { is: "more" };
  }
  return failure(uploaded);
}

function failure(what: Exclude<Hello, { is: "hello" }> | Verdict | Exclude<Uploaded, { is: "later" | "going" }>): Turn {
  switch (what.is) {
    case "sign_in":
    case "foreign":
    case "wrong_user":
      return { is: "failed", link: what.is, waitMs: null };
    case "wait":
      return { is: "failed", link: "online", waitMs: what.ms };
    default:
      return { is: "failed", link: "offline", waitMs: null };
  }
}
