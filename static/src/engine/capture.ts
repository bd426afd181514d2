/** Write-ahead: store a record in IndexedDB and the mirror before it is reported as saved or sent. */
import { sha256Hex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { dependsOn, freeze, timestamp } from "./envelope.ts";
import { addHold, clearHolds } from "./hold.ts";
import { reference, uuidv7 } from "./ids.ts";
import { evictPages } from "./mirror.ts";
import { reconcile, submittedDraft } from "./reconcile.ts";
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

/** Numbers or photos changed while the body was hashed: prepare the record again. */
class StoreChanged extends Error {}

/** The browser replaced the database by an empty one: rebuild it before numbering. */
class MissingEpoch extends Error {}

export function capture(ctx: Context, input: CaptureInput): Promise<{ op: string; ref: string }> {
  return new Promise((resolve, reject) => {
    const { exits } = ctx;
    // The promise resolves once both stores have the record; the clean-up after that still runs serially.
    ctx.serial(() => writeBothStores(ctx, input, exits, resolve)).catch(reject);
  });
}

async function writeBothStores(
  ctx: Context,
  input: CaptureInput,
  exits: number,
  resolve: (record: { op: string; ref: string }) => void,
): Promise<void> {
  const id = uuidv7(ctx.env.now());
  await ctx.env.point("capture:start");
  const op = await commit(ctx, input, id, exits);
  if (op.holdUntil) addHold(ctx, op);
  await ctx.env.point("capture:committed");
  try {
    await ctx.mirror.putOp(op);
  } catch (error) {
    ctx.changed();
    ctx.kick("submit");
    // One store has the record and it will be sent, but "saved" promises two.
    throw new StorageFull(String(error), true);
  }
  await ctx.env.point("capture:mirrored");
  resolve({ op: op.op, ref: op.ref });
  ctx.changed();
  ctx.kick("submit");
  // If the tab dies before this, reconcile drops the draft's copy at the next start.
  if (op.draftKey !== null) await ctx.mirror.drop("draft", op.draftKey);
}

async function commit(ctx: Context, input: CaptureInput, id: string, exits: number): Promise<OpRow> {
  let evicted = false;
  for (;;) {
    try {
      const op = await prepare(ctx, input, id);
      await ctx.env.point("capture:prepared");
      await write(ctx, op, exits);
      return op;
    } catch (error) {
      if (error instanceof StoreChanged) continue;
      if (error instanceof MissingEpoch) await reconcile(ctx);
      else if (error instanceof StorageFull && !evicted) {
        evicted = true;
        await evictPages(ctx.env.caches);
      } else throw error;
    }
  }
}

/** Build the row. Hashing would end an IndexedDB transaction, so `write` checks again what was read here. */
async function prepare(ctx: Context, input: CaptureInput, id: string): Promise<OpRow> {
  const { env } = ctx;
  const key = input.draftKey;
  const now = env.now();
  const at = await ctx.db.run(["ops", "drafts", "attachments", "meta"], "readonly", async (tx) => {
    // In parallel: every IndexedDB request costs a round trip through the browser.
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
  if (at.ep === undefined) throw new MissingEpoch();
  const depends = dependsOn(input, at.open, at.supersedes);
  const numbering = { op: id, dev: ctx.device.id, ep: at.ep, user: ctx.userId, seq: at.seq, build: ctx.build };
  const stamp = timestamp(now, env.timezone(), at.clock);
  const body = freeze(numbering, input, depends, at.supersedes, stamp, at.photos);
  const { kind, agg, title, url, fields, words } = input;
  return {
    ...{ op: id, seq: at.seq, ep: at.ep, ref: reference(ctx.device.code, at.seq), kind, agg, body },
    ...{ sha256: await sha256Hex(body), state: "saved", title, url, draftKey: key, fields, depends },
    ...(words ? { words } : {}),
    ...{ supersedes: at.supersedes, attempts: 0, nextAt: 0, lastError: null, created: now, receivedAt: null },
    ...{ result: null, pos: at.pos, gen: Math.max(at.gen, key === null ? 0 : (ctx.gens.get(key) ?? 0)) },
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

async function write(ctx: Context, op: OpRow, exits: number): Promise<void> {
  const key = op.draftKey;
  await ctx.db.run(["ops", "drafts", "attachments", "meta"], "readwrite", async (tx) => {
    const ops = tx.objectStore("ops");
    const [existing, ep, seq, draft, photos, earlier] = await Promise.all([
      ops.getKey(op.op),
      getMeta<string>(tx, "ep"),
      getMeta<number>(tx, "next_seq"),
      draftOf(tx, key),
      photosOf(tx, key),
      op.supersedes ? ops.get(op.supersedes) : undefined,
    ]);
    // The connection was lost during commit: the id shows whether the first attempt succeeded.
    if (existing !== undefined) return;
    // Another page of this tab may have saved the form meanwhile.
    if (ctx.exits !== exits) throw new PageLeft();
    if (ep === undefined) throw new MissingEpoch();
    if (key !== null && draft && draft.gen > (ctx.gens.get(key) ?? 0)) throw new AlreadySubmitted(draft.updated);
    if (ep !== op.ep || seq !== op.seq) throw new StoreChanged();
    const frozenIds = (JSON.parse(op.body) as { atts: { id: string }[] }).atts.map((att) => att.id);
    if (frozenIds.join() !== photos.map((photo) => photo.id).join()) throw new StoreChanged();
    const attachments = tx.objectStore("attachments");
    const writes: (() => Promise<unknown>)[] = [
      () => ops.add(op),
      ...photos.map((photo) => () => attachments.put({ ...photo, op: op.op, draft: null })),
      () => setMeta(tx, "next_seq", op.seq + 1),
      () => setMeta(tx, "next_pos", op.pos + 1),
    ];
    if (key !== null) writes.push(() => tx.objectStore("drafts").put(submittedDraft(op)));
    if (earlier) writes.push(() => ops.put({ ...earlier, supersededBy: op.op }));
    if (op.depends.length > 0) writes.push(() => clearHolds(tx, op.depends));
    // Functions, so that a request that throws at once still rejects a promise that is awaited.
    await Promise.all(writes.map(async (write) => write()));
  });
}
