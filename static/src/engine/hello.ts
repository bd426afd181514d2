/** First request of a sender: check server and user, measure the clock, report lost records. */
import type { Context } from "./context.ts";
import { newEpoch } from "./ids.ts";
import { ignoreStorageFull } from "./reconcile.ts";
import { classifyReply, type ReplyClass } from "./reply.ts";
import { resendReceived, retryAfterSignIn } from "./results.ts";
import type { DroppedSeqs } from "./retention.ts";
import { saveToken } from "./token.ts";
import type { HelloInfo, Json, JsonObject, Limits } from "./types.ts";
import { type Clock, getMeta, openOps, setMeta, type UserTx } from "./user-db.ts";
import { postJson } from "./wire.ts";

export const HELLO_EVERY_MS = 5 * 60_000;
export const DEFAULT_LIMITS: Limits = { batchOps: 50, batchBytes: 1 << 20, chunk: 512 << 10, attachment: 25 << 20 };

export type HelloOutcome =
  | { is: "hello"; info: HelloInfo }
  | { is: "wrong_user" }
  | Exclude<ReplyClass, { is: "json" }>;

export async function exchangeHello(ctx: Context, signal: AbortSignal): Promise<HelloOutcome> {
  const { env } = ctx;
  const before = env.now();
  const reply = await postJson(ctx, "/sync/hello", await helloBody(ctx, before), signal);
  const after = env.now();
  const knownInstance = await ctx.core.get("instance");
  const expected = ctx.instance || knownInstance || reply?.instance || "";
  if (knownInstance !== undefined && knownInstance !== expected) return { is: "foreign" };
  const classified = classifyReply(reply, expected, after);
  if (classified.is !== "json") return classified;
  const { body } = classified;
  const serverTime = typeof body.server_time === "string" ? Date.parse(body.server_time) : Number.NaN;
  if (typeof body.user !== "number" || Number.isNaN(serverTime)) return { is: "unreachable" };
  if (typeof body.instance === "string" && body.instance !== expected) return { is: "foreign" };
  ctx.instance = await ctx.core.settle("instance", expected);
  if (body.user !== ctx.userId) return { is: "wrong_user" };
  const offsetMs = Math.round(serverTime - (before + after) / 2);
  const info: HelloInfo = {
    at: after,
    epoch: String(body.epoch ?? ""),
    offsetMs,
    missingSeqs: numberList(body.missing_seqs),
    limits: limitsOf(body.limits),
    signedIn: typeof body.signed_in === "boolean" ? body.signed_in : null,
  };
  await saveToken(ctx, body.token).catch(ignoreStorageFull);
  await saveHello(ctx, info, attachmentIds(body.attachments_wanted));
  if (typeof body.leave_epoch === "string") await startNewEpoch(ctx, body.leave_epoch).catch(ignoreStorageFull);
  if (info.signedIn) await retryAfterSignIn(ctx).catch(ignoreStorageFull);
  return { is: "hello", info };
}

async function helloBody(ctx: Context, now: number): Promise<JsonObject> {
  const { env } = ctx;
  const { ep, next, unsent, held, dropped } = await ctx.db.run(["ops", "meta"], "readonly", async (tx) => ({
    ep: (await getMeta<string>(tx, "ep")) ?? "",
    next: (await getMeta<number>(tx, "next_seq")) ?? 1,
    unsent: (await openOps(tx)).filter((op) => op.state !== "rejected" && op.state !== "conflict"),
    held: await storedSeqRuns(tx),
    dropped: (await getMeta<DroppedSeqs>(tx, "dropped")) ?? {},
  }));
  // Sequence numbers restart with every epoch.
  const ofThisEpoch = unsent.filter((op) => op.ep === ep && op.supersededBy === null);
  const seqs = ofThisEpoch.map((op) => op.seq);
  const pending = ofThisEpoch.length > 0 && {
    min_seq: Math.min(...seqs),
    max_seq: Math.max(...seqs),
    count: ofThisEpoch.length,
    oldest_utc: new Date(Math.min(...ofThisEpoch.map((op) => op.created))).toISOString(),
  };
  return {
    dev: ctx.device.id,
    ep,
    user: ctx.userId,
    build: ctx.build,
    pending: pending || null,
    next_seq: next,
    held,
    dropped,
    persisted: await env.persisted().catch(() => false),
    display_mode: env.displayMode(),
    now: new Date(now).toISOString(),
  };
}

/**
 * Return the sequence numbers of all stored records as `[first, last]` runs, by epoch. After the database was wiped the
 * server can tell restored records from lost ones.
 */
async function storedSeqRuns(tx: UserTx): Promise<{ [ep: string]: [number, number][] }> {
  const runsByEpoch: { [ep: string]: [number, number][] } = {};
  const numbered = tx.objectStore("ops").index("numbered");
  for (let at = await numbered.openKeyCursor(); at; at = await at.continue()) {
    const [ep, seq] = at.key;
    runsByEpoch[ep] ??= [];
    const runs = runsByEpoch[ep];
    const last = runs.at(-1);
    if (last && last[1] === seq - 1) last[1] = seq;
    else runs.push([seq, seq]);
  }
  return runsByEpoch;
}

/** Start a new epoch: this store was copied or restored, so its sequence numbers are used twice. */
async function startNewEpoch(ctx: Context, ep: string): Promise<void> {
  await ctx.db.run(["meta"], "readwrite", async (tx) => {
    // Another tab may have done so already.
    if ((await getMeta<string>(tx, "ep")) !== ep) return;
    await setMeta(tx, "ep", newEpoch());
    await setMeta(tx, "next_seq", 1);
  });
}

async function saveHello(ctx: Context, info: HelloInfo, wanted: string[]): Promise<void> {
  const earlierEpoch = ctx.db.run(["attachments", "meta"], "readwrite", async (tx) => {
    const clock: Clock = { offset: info.offsetMs, at: info.at };
    await setMeta(tx, "clock", clock);
    await setMeta(tx, "missing_seqs", info.missingSeqs);
    for (const id of wanted) {
      const photo = await tx.objectStore("attachments").get(id);
      // The server wants it again; whether the bytes still exist shows when they are read.
      if (photo?.op && photo.state === "stored") {
        await tx.objectStore("attachments").put({ ...photo, state: "local", sent: 0, url: null });
      }
    }
    return getMeta<string>(tx, "server_epoch");
  });
  // Not needed for sending: with a full disk a later hello writes it.
  const earlier = await earlierEpoch.catch(ignoreStorageFull);
  if (earlier !== undefined && earlier !== info.epoch) await resendReceived(ctx);
  // Last, so that a restore is noticed again if the tab is killed in between.
  await ctx.db.run(["meta"], "readwrite", (tx) => setMeta(tx, "server_epoch", info.epoch)).catch(ignoreStorageFull);
}

function limitsOf(value: Json | undefined): Limits {
  const given = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  const pick = (name: string, fallback: number, most: number) => {
    const number = given[name];
    return typeof number === "number" && number >= 1 ? Math.min(Math.floor(number), most) : fallback;
  };
  return {
    batchOps: pick("batch_ops", DEFAULT_LIMITS.batchOps, 1000),
    batchBytes: pick("batch_bytes", DEFAULT_LIMITS.batchBytes, 16 << 20),
    chunk: pick("chunk", DEFAULT_LIMITS.chunk, DEFAULT_LIMITS.chunk),
    attachment: pick("attachment", DEFAULT_LIMITS.attachment, 1 << 30),
  };
}

function numberList(value: Json | undefined): number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
}

/** Return the ids of `{id, op, offset}` entries; earlier servers sent the id alone. */
function attachmentIds(value: Json | undefined): string[] {
  const items = Array.isArray(value) ? value : [];
  return items
    .map((item) => (item !== null && typeof item === "object" && !Array.isArray(item) ? item.id : item))
    .filter((id) => typeof id === "string");
}
