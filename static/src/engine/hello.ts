/** The first call: is this our server, who am I to it, how wrong is the clock, did this phone lose something. */
import type { Context } from "./context.ts";
import { newEpoch } from "./ids.ts";
import { unlessFull } from "./reconcile.ts";
import type { Dropped } from "./release.ts";
import { judge, type Verdict } from "./reply.ts";
import { reoffer, signedIn } from "./results.ts";
import { keepToken } from "./token.ts";
import type { HelloInfo, Json, JsonObject, Limits } from "./types.ts";
import { type Clock, getMeta, openOps, setMeta, type UserTx } from "./user-db.ts";
import { askJson } from "./wire.ts";

export const HELLO_EVERY_MS = 5 * 60_000;
export const DEFAULT_LIMITS: Limits = { batchOps: 50, batchBytes: 1 << 20, chunk: 512 << 10, attachment: 25 << 20 };

export type Hello = { is: "hello"; info: HelloInfo } | { is: "wrong_user" } | Exclude<Verdict, { is: "json" }>;

export async function sayHello(ctx: Context, signal: AbortSignal): Promise<Hello> {
  const { surroundings } = ctx;
  const before = surroundings.now();
  const reply = await askJson(ctx, "/sync/hello", await introduction(ctx, before), signal);
  const after = surroundings.now();
  const known = await ctx.core.get("instance");
  const expected = ctx.instance || known || reply?.instance || "";
  if (known !== undefined && known !== expected) return { is: "foreign" };
  const verdict = judge(reply, expected, after);
  if (verdict.is !== "json") return verdict;
  const { body } = verdict;
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
    missingSeqs: numbers(body.missing_seqs),
    limits: limitsOf(body.limits),
    signedIn: typeof body.signed_in === "boolean" ? body.signed_in : null,
  };
  await keepToken(ctx, body.token).catch(unlessFull);
  await remember(ctx, info, idsOf(body.attachments_wanted));
  if (typeof body.leave_epoch === "string") await leaveEpoch(ctx, body.leave_epoch).catch(unlessFull);
  if (info.signedIn) await signedIn(ctx).catch(unlessFull);
  return { is: "hello", info };
}

async function introduction(ctx: Context, now: number): Promise<JsonObject> {
  const { surroundings } = ctx;
  const { ep, next, unsent, held, dropped } = await ctx.db.run(["ops", "meta"], "readonly", async (tx) => ({
    ep: (await getMeta<string>(tx, "ep")) ?? "",
    next: (await getMeta<number>(tx, "next_seq")) ?? 1,
    unsent: (await openOps(tx)).filter((op) => op.state !== "rejected" && op.state !== "conflict"),
    held: await spans(tx),
    dropped: (await getMeta<Dropped>(tx, "dropped")) ?? {},
  }));
  // Only this epoch's: an earlier life of the database has numbers of its own.
  const mine = unsent.filter((op) => op.ep === ep && op.supersededBy === null);
  const seqs = mine.map((op) => op.seq);
  const pending = mine.length > 0 && {
    min_seq: Math.min(...seqs),
    max_seq: Math.max(...seqs),
    count: mine.length,
    oldest_utc: new Date(Math.min(...mine.map((op) => op.created))).toISOString(),
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
    persisted: await surroundings.persisted().catch(() => false),
    display_mode: surroundings.displayMode(),
    now: new Date(now).toISOString(),
  };
}

/**
 * The numbers of all records that lie here, as `[first, last]` of each unbroken run, by epoch: after a wipe the server
 * can tell what the mirror has brought back from what is gone.
 */
async function spans(tx: UserTx): Promise<{ [ep: string]: [number, number][] }> {
  const found: { [ep: string]: [number, number][] } = {};
  const numbered = tx.objectStore("ops").index("numbered");
  for (let at = await numbered.openKeyCursor(); at; at = await at.continue()) {
    const [ep, seq] = at.key;
    found[ep] ??= [];
    const runs = found[ep];
    const last = runs.at(-1);
    if (last && last[1] === seq - 1) last[1] = seq;
    else runs.push([seq, seq]);
  }
  return found;
}

/** Numbers what comes in a new epoch: this store was copied or set back, and its numbers are given out twice. */
async function leaveEpoch(ctx: Context, ep: string): Promise<void> {
  await ctx.db.run(["meta"], "readwrite", async (tx) => {
    // Not again where another tab has done so.
    if ((await getMeta<string>(tx, "ep")) !== ep) return;
    await setMeta(tx, "ep", newEpoch());
    await setMeta(tx, "next_seq", 1);
  });
}

async function remember(ctx: Context, info: HelloInfo, wanted: string[]): Promise<void> {
  const noted = ctx.db.run(["attachments", "meta"], "readwrite", async (tx) => {
    const clock: Clock = { offset: info.offsetMs, at: info.at };
    await setMeta(tx, "clock", clock);
    await setMeta(tx, "missing_seqs", info.missingSeqs);
    for (const id of wanted) {
      const photo = await tx.objectStore("attachments").get(id);
      // The server knows best what it holds: whether we still have the bytes shows when they are read.
      if (photo?.op && photo.state === "stored") {
        await tx.objectStore("attachments").put({ ...photo, state: "local", sent: 0, url: null });
      }
    }
    return getMeta<string>(tx, "server_epoch");
  });
  // Nothing of it is needed in order to send; without room it is noted with a later hello.
  const earlier = await noted.catch(unlessFull);
  if (earlier !== undefined && earlier !== info.epoch) await reoffer(ctx);
  // Only after that: killed in between, it is noticed again.
  await ctx.db.run(["meta"], "readwrite", (tx) => setMeta(tx, "server_epoch", info.epoch)).catch(unlessFull);
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

function numbers(value: Json | undefined): number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
}

/** `{id, op, offset}` each; servers of before named the id alone. */
function idsOf(value: Json | undefined): string[] {
  const items = Array.isArray(value) ? value : [];
  return items
    .map((item) => (item !== null && typeof item === "object" && !Array.isArray(item) ? item.id : item))
    .filter((id) => typeof id === "string");
}
