/** Run one turn of the sender: one batch, one question about held records, or one chunk of a photo. */
import { backoff } from "./backoff.ts";
import type { Context } from "./context.ts";
import { DEFAULT_LIMITS, exchangeHello, HELLO_EVERY_MS, type HelloOutcome } from "./hello.ts";
import { planTurn } from "./plan.ts";
import { ignoreStorageFull, reconcile } from "./reconcile.ts";
import { classifyReply, matchReceipts, type ReplyClass } from "./reply.ts";
import { applyResults, LOCK_LOST, markSending, needsSession, postponeHeld, returnToQueue } from "./results.ts";
import { authorizeTurn } from "./token.ts";
import type { HelloInfo, Link } from "./types.ts";
import { type ChunkState, FIRST_CHUNK, type UploadOutcome, upload } from "./upload.ts";
import { getMeta, type OpRow, openOps, setMeta } from "./user-db.ts";
import { postJson } from "./wire.ts";

/** State of the sender for the lifetime of the page. Nothing of it is needed after a kill. */
export interface SenderMemory {
  hello: HelloInfo | null;
  /** Batch size; reduced while large batches fail. */
  maxOps: number;
  chunk: ChunkState;
  photoFailures: Map<string, { count: number; nextAt: number }>;
  /** A record waits for a session; others are sent with the token. */
  signIn: boolean;
}

export type TurnResult =
  /** Progress was made: run the next turn at once. */
  { is: "more" } | { is: "done"; wakeAt: number | null } | { is: "failed"; link: Link; waitMs: number | null };

export function newMemory(): SenderMemory {
  const { batchOps, chunk } = DEFAULT_LIMITS;
  return {
    hello: null,
    maxOps: batchOps,
    chunk: { size: FIRST_CHUNK, most: chunk, next: null },
    photoFailures: new Map(),
    signIn: false,
  };
}

export async function runTurn(ctx: Context, memory: SenderMemory, signal: AbortSignal): Promise<TurnResult> {
  const now = ctx.env.now();
  await resetMarks(ctx, now, signal);
  const link = await authorizeTurn(ctx);
  if (link) return { is: "failed", link, waitMs: null };
  if (!memory.hello || Math.abs(now - memory.hello.at) >= HELLO_EVERY_MS) {
    const hello = await exchangeHello(ctx, signal);
    if (hello.is !== "hello") return toFailure(hello);
    memory.hello = hello.info;
    memory.chunk.most = hello.info.limits.chunk;
    memory.chunk.size = Math.min(memory.chunk.size, memory.chunk.most);
  }
  const next = await loadPlan(ctx, memory, memory.hello);
  memory.signIn = next.signIn;
  if (next.batch.length > 0) return pushBatch(ctx, memory, next.batch, signal);
  if (next.held.length > 0) return askReceipts(ctx, next.held, signal);
  if (next.photo) return recordUpload(ctx, memory, next.photo.id, await upload(ctx, next.photo, memory.chunk, signal));
  return { is: "done", wakeAt: next.wakeAt };
}

/**
 * Reset "sending" marks: this tab has the lock, so a tab that died left them. A full disk must not stop this turn, as
 * only sending frees space (failure mode 27).
 */
async function resetMarks(ctx: Context, now: number, signal: AbortSignal): Promise<void> {
  const marked = ctx.db.run(["ops", "meta"], "readwrite", async (tx) => {
    // Repeated after the page was left: lock and marks belong to another sender.
    if (signal.reason === LOCK_LOST) return true;
    await setMeta(tx, "heartbeat", now);
    for (const row of await tx.objectStore("ops").index("state").getAll("sending")) {
      await tx.objectStore("ops").put({ ...row, state: "saved" });
    }
    return (await getMeta(tx, "ep")) !== undefined;
  });
  const numbered = await marked.catch((error: unknown) => {
    ignoreStorageFull(error);
    return true;
  });
  if (!numbered) await reconcile(ctx);
}

async function loadPlan(ctx: Context, memory: SenderMemory, hello: HelloInfo) {
  const rows = await ctx.db.run(["ops", "attachments"], "readonly", async (tx) => {
    const byState = tx.objectStore("attachments").index("state");
    const photos = [...(await byState.getAll("local")), ...(await byState.getAll("sending"))];
    const received = new Set<string>();
    for (const photo of await byState.getAll("lost_on_device")) if (!photo.told) photos.push(photo);
    for (const { op, state } of photos) {
      const row = op === null ? undefined : await tx.objectStore("ops").get(op);
      // A lost photo can be reported only once its record is in effect.
      if (row?.state === "accepted" || (row?.state === "held" && state !== "lost_on_device")) received.add(row.op);
    }
    return { open: await openOps(tx), photos, received };
  });
  const photoNextAt = new Map([...memory.photoFailures].map(([id, failed]) => [id, failed.nextAt]));
  const maxOps = Math.max(1, Math.min(memory.maxOps, hello.limits.batchOps));
  return planTurn({ ...rows, photoNextAt, now: ctx.env.now(), maxOps, maxBytes: hello.limits.batchBytes });
}

async function pushBatch(
  ctx: Context,
  memory: SenderMemory,
  planned: OpRow[],
  signal: AbortSignal,
): Promise<TurnResult> {
  await ctx.env.point("push:planned");
  const marked = await markSending(ctx, planned, signal).catch(ignoreStorageFull);
  // With a full disk no mark is written. Expired holds cannot be undone, so no undone record is sent.
  const batch = marked ?? (await stillStored(ctx, planned));
  // All undone or discarded since; wait, so that plan and marks cannot loop.
  if (batch.length === 0) return { is: "done", wakeAt: ctx.env.now() + 1000 };
  ctx.changed();
  await ctx.env.point("push:marked");
  const reply = await postJson(ctx, "/sync/push", { ops: batch.map((op) => op.body) }, signal);
  await ctx.env.point("push:answered");
  const classified = classifyReply(reply, ctx.instance, ctx.env.now());
  const receipts = classified.is === "json" ? matchReceipts(classified.body, batch) : new Map<string, never>();
  try {
    if (receipts.size === 0) return await handleNoReceipt(ctx, memory, batch, classified, signal);
    await applyResults(ctx, receipts.values());
    // Partial response: the rest is sent again after the backoff.
    await returnToQueue(
      ctx,
      batch.filter((op) => !receipts.has(op.op)),
      null,
      signal,
    );
  } finally {
    ctx.changed();
  }
  memory.maxOps = Math.min(memory.maxOps * 2, 1000);
  if ([...receipts.values()].some(needsSession)) memory.signIn = true;
  if ([...receipts.values()].some((result) => result.outcome === "wrong_user")) {
    memory.hello = null;
    return { is: "failed", link: "wrong_user", waitMs: null };
  }
  return receipts.size === batch.length ? { is: "more" } : { is: "failed", link: "online", waitMs: null };
}

async function stillStored(ctx: Context, planned: OpRow[]): Promise<OpRow[]> {
  const keys = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").getAllKeys());
  const storedIds = new Set(keys);
  return planned.filter((op) => storedIds.has(op.op));
}

async function handleNoReceipt(
  ctx: Context,
  memory: SenderMemory,
  batch: OpRow[],
  classified: ReplyClass,
  signal: AbortSignal,
): Promise<TurnResult> {
  const isSingle = batch.length === 1;
  // The batch may be too large, or one record may make it fail: bisect.
  if (!isSingle && /^(too_large|server_error|unreachable)$/.test(classified.is))
    memory.maxOps = Math.ceil(batch.length / 2);
  if (classified.is === "too_large" || classified.is === "server_error") {
    const error = classified.is === "too_large" ? "too_large" : `http_${classified.status}`;
    await returnToQueue(ctx, batch, isSingle ? error : null, signal);
    // Say hello first: if that fails, too, the server is down and no record is at fault.
    if (classified.is === "server_error") memory.hello = null;
    return { is: "more" };
  }
  await returnToQueue(ctx, batch, null, signal);
  return toFailure(classified);
}

async function askReceipts(ctx: Context, held: OpRow[], signal: AbortSignal): Promise<TurnResult> {
  const reply = await postJson(ctx, "/sync/receipts", { ops: held.map((op) => op.op) }, signal);
  const classified = classifyReply(reply, ctx.instance, ctx.env.now());
  if (classified.is !== "json") return toFailure(classified);
  const receipts = matchReceipts(classified.body, held);
  await applyResults(ctx, receipts.values());
  await postponeHeld(
    ctx,
    held.filter((op) => !receipts.has(op.op)),
  );
  ctx.changed();
  return { is: "more" };
}

function recordUpload(ctx: Context, memory: SenderMemory, id: string, uploaded: UploadOutcome): TurnResult {
  if (uploaded.is === "stored" || uploaded.is === "lost" || uploaded.is === "going") {
    memory.photoFailures.delete(id);
    return { is: "more" };
  }
  if (uploaded.is === "later" || uploaded.is === "server_error" || uploaded.is === "unreachable") {
    const count = (memory.photoFailures.get(id)?.count ?? 0) + 1;
    const nextAt = ctx.env.now() + backoff(count, ctx.env.random());
    memory.photoFailures.set(id, { count, nextAt });
    if (uploaded.is === "server_error") memory.hello = null;
    // Other photos are tried before this one.
    return uploaded.is === "unreachable" ? toFailure(uploaded) : { is: "more" };
  }
  return toFailure(uploaded);
}

function toFailure(
  outcome: Exclude<HelloOutcome, { is: "hello" }> | ReplyClass | Exclude<UploadOutcome, { is: "later" | "going" }>,
): TurnResult {
  switch (outcome.is) {
    case "sign_in":
    case "foreign":
    case "wrong_user":
      return { is: "failed", link: outcome.is, waitMs: null };
    case "wait":
      return { is: "failed", link: "online", waitMs: outcome.ms };
    default:
      return { is: "failed", link: "offline", waitMs: null };
  }
}
