/** Write-ahead: a record is in both stores before anybody says "saved", and only then is it sent. */
import { sha256Hex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { dependsOn, freeze, timestamp } from "./envelope.ts";
import { addHold, endHoldsOf } from "./hold.ts";
import { reference, uuidv7 } from "./ids.ts";
import { evictDisposable } from "./mirror.ts";
import { reconcile, sentStub } from "./reconcile.ts";
import { AlreadySubmitted, type CaptureInput, PageLeft, StorageFull } from "./types.ts";
import {
  type AttachmentRow,
  type Clock,
  type DraftRow,
  getMeta,
  type OpRow,
  openOps,
  setMeta,
  type UserTx,
} from "./user-db.ts";

/** Thrown inside when the stores moved on while the bytes were hashed; the capture starts over. */
class Overtaken extends Error {}

/** The database was replaced by an empty one under us: rebuild it before numbering. */
class Unnumbered extends Error {}

export function capture(ctx: Context, input: CaptureInput): Promise<{ op: string; ref: string }> {
  return new Promise((saved, failed) => {
    const { left } = ctx;
    // What is serial waits for the tidying up, too; the person waits for the two stores only.
    ctx.serial(() => inBothStores(ctx, input, left, saved)).catch(failed);
  });
}

async function inBothStores(
  ctx: Context,
  input: CaptureInput,
  left: number,
  saved: (record: { op: string; ref: string }) => void,
): Promise<void> {
  const id = uuidv7(ctx.surroundings.now());
  await ctx.surroundings.point("capture:start");
  const op = await commit(ctx, input, id, left);
  if (op.holdUntil) addHold(ctx, op);
  await ctx.surroundings.point("capture:committed");
  try {
    await ctx.mirror.putOp(op);
  } catch (error) {
    ctx.changed();
    ctx.kick("submit");
    // It is safe in one store and will be sent, but it is not what "saved" promises.
    throw new StorageFull(`no second copy: ${String(error)}`, true);
  }
  await ctx.surroundings.point("capture:mirrored");
  saved({ op: op.op, ref: op.ref });
  ctx.changed();
  ctx.kick("submit");
  // The record took the draft's place. A copy of it that stays behind gives way to the record at the next start.
  if (op.draftKey !== null) await ctx.mirror.drop("draft", op.draftKey);
}

async function commit(ctx: Context, input: CaptureInput, id: string, left: number): Promise<OpRow> {
  let evicted = false;
  for (;;) {
    try {
      const op = await prepare(ctx, input, id);
      await ctx.surroundings.point("capture:prepared");
      await write(ctx, op, left);
      return op;
    } catch (error) {
      if (error instanceof Overtaken) continue;
      if (error instanceof Unnumbered) await reconcile(ctx);
      else if (error instanceof StorageFull && !evicted) {
        evicted = true;
        await evictDisposable(ctx.surroundings.caches);
      } else throw error;
    }
  }
}

/** Hashing is asynchronous and would end a transaction, so the bytes are made first and checked when written. */
async function prepare(ctx: Context, input: CaptureInput, id: string): Promise<OpRow> {
  const { surroundings } = ctx;
  const key = input.draftKey;
  const now = surroundings.now();
  const at = await ctx.db.run(["ops", "drafts", "attachments", "meta"], "readonly", async (tx) => {
    // All asked at once: each answer takes a way through the browser, and the person waits.
    const [draft, ep, seq, pos, clock, photos, open] = await Promise.all([
      draftOf(tx, key),
      getMeta<string>(tx, "ep"),
      getMeta<number>(tx, "next_seq"),
      getMeta<number>(tx, "next_pos"),
      getMeta<Clock>(tx, "clock"),
      photosOf(tx, key),
      openOps(tx),
    ]);
    const supersedes = input.supersedes ?? (draft?.state === "open" ? draft.supersedes : null);
    return { ep, seq: seq ?? 1, pos: pos ?? 1, clock, supersedes, gen: draft?.gen ?? 0, photos, open };
  });
  if (at.ep === undefined) throw new Unnumbered();
  const depends = dependsOn(input, at.open, at.supersedes);
  const numbering = { op: id, dev: ctx.device.id, ep: at.ep, user: ctx.userId, seq: at.seq, build: ctx.build };
  const stamp = timestamp(now, surroundings.timezone(), at.clock);
  const body = freeze(numbering, input, depends, at.supersedes, stamp, at.photos);
  const { kind, agg, title, url, fields, words } = input;
  return {
    ...{ op: id, seq: at.seq, ep: at.ep, ref: reference(ctx.device.code, at.seq), kind, agg, body },
    ...{ sha256: await sha256Hex(body), state: "saved", title, url, draftKey: key, fields, depends },
    ...(words ? { words } : {}),
    ...{ supersedes: at.supersedes, attempts: 0, nextAt: 0, lastError: null, created: now, receivedAt: null },
    ...{ result: null, pos: at.pos, gen: Math.max(at.gen, key === null ? 0 : (ctx.seen.get(key) ?? 0)) },
    ...{ supersededBy: null, errorRun: 0 },
    ...(input.hold ? { holdUntil: now + input.hold } : {}),
  };
}

async function draftOf(tx: UserTx, key: string | null): Promise<DraftRow | undefined> {
  return key === null ? undefined : tx.objectStore("drafts").get(key);
}

async function photosOf(tx: UserTx, key: string | null): Promise<AttachmentRow[]> {
  if (key === null) return [];
  const photos = await tx.objectStore("attachments").index("draft").getAll(key);
  return photos.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
}

async function write(ctx: Context, op: OpRow, left: number): Promise<void> {
  const key = op.draftKey;
  await ctx.db.run(["ops", "drafts", "attachments", "meta"], "readwrite", async (tx) => {
    const ops = tx.objectStore("ops");
    const [known, ep, seq, draft, photos, earlier] = await Promise.all([
      ops.getKey(op.op),
      getMeta<string>(tx, "ep"),
      getMeta<number>(tx, "next_seq"),
      draftOf(tx, key),
      photosOf(tx, key),
      op.supersedes ? ops.get(op.supersedes) : undefined,
    ]);
    // A connection lost in the very commit leaves it open whether it counted: our own id says so.
    if (known !== undefined) return;
    // Not saved before the page was left; who comes back may have saved it on another page meanwhile.
    if (ctx.left !== left) throw new PageLeft();
    if (ep === undefined) throw new Unnumbered();
    if (key !== null && draft && draft.gen > (ctx.seen.get(key) ?? 0)) throw new AlreadySubmitted(draft.updated);
    if (ep !== op.ep || seq !== op.seq) throw new Overtaken();
    const named = (JSON.parse(op.body) as { atts: { id: string }[] }).atts.map((att) => att.id);
    if (named.join() !== photos.map((photo) => photo.id).join()) throw new Overtaken();
    const attachments = tx.objectStore("attachments");
    const writes: (() => Promise<unknown>)[] = [
      () => ops.add(op),
      ...photos.map((photo) => () => attachments.put({ ...photo, op: op.op, draft: null })),
      () => setMeta(tx, "next_seq", op.seq + 1),
      () => setMeta(tx, "next_pos", op.pos + 1),
    ];
    if (key !== null) writes.push(() => tx.objectStore("drafts").put(sentStub(op)));
    if (earlier) writes.push(() => ops.put({ ...earlier, supersededBy: op.op }));
    if (op.depends.length > 0) writes.push(() => endHoldsOf(tx, op.depends));
    // Each in a function of its own: where the transaction is over before the last is asked, none is left unheard.
    await Promise.all(writes.map(async (write) => write()));
  });
}
