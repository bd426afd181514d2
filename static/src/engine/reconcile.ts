/**
 * Makes both stores hold the same, before anything is numbered. A database that is fresh (wiped by the browser or
 * never made) is rebuilt from the mirror and starts a new epoch.
 */
import type { Context } from "./context.ts";
import { newEpoch } from "./ids.ts";
import { draftFromMirror } from "./mirror.ts";
import { attachmentFromMirror, opFromMirror, owners } from "./rebuild.ts";
import { KEEP_MS, release } from "./release.ts";
import { StorageFull } from "./types.ts";
import { type AttachmentRow, type DraftRow, getMeta, type OpRow, setMeta } from "./user-db.ts";

interface Lost {
  ops: OpRow[];
  drafts: DraftRow[];
  photos: AttachmentRow[];
}

export async function reconcile(ctx: Context): Promise<void> {
  const there = await ctx.mirror.ids();
  const known = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    ops: new Set(await tx.objectStore("ops").getAllKeys()),
    photos: new Set(await tx.objectStore("attachments").getAllKeys()),
    drafts: new Map((await tx.objectStore("drafts").getAll()).map((draft) => [draft.key, draft])),
  }));
  const lost: Lost = { ops: [], drafts: [], photos: [] };
  for (const id of there.op) {
    const found = known.ops.has(id) ? null : await ctx.mirror.read("op", id);
    const op = found && (await opFromMirror(id, found, ctx.userId));
    if (op) lost.ops.push(op);
  }
  for (const key of there.draft) {
    const found = await ctx.mirror.read("draft", key);
    const draft = found && draftFromMirror(found);
    if (draft && isNewer(draft, known.drafts.get(key))) lost.drafts.push(draft);
  }
  for (const id of there.att) {
    const found = known.photos.has(id) ? null : await ctx.mirror.read("att", id);
    if (found) lost.photos.push(attachmentFromMirror(id, found));
  }
  await ctx.surroundings.point("reconcile:before-tx");
  await bringBack(ctx, lost);
  await ctx.surroundings.point("reconcile:after-tx");
  await mend(ctx, there);
}

function isNewer(draft: DraftRow, row: DraftRow | undefined): boolean {
  if (!row) return true;
  return draft.gen > row.gen || (draft.gen === row.gen && draft.updated > row.updated);
}

/** One transaction: either the whole mirror is back or nothing is, and only then is there an epoch to number in. */
async function bringBack(ctx: Context, lost: Lost): Promise<void> {
  const { surroundings } = ctx;
  await ctx.db.run(["ops", "attachments", "drafts", "meta"], "readwrite", async (tx) => {
    const fresh = (await getMeta(tx, "ep")) === undefined;
    if (fresh) await setMeta(tx, "ep", newEpoch());
    // Nothing to bring back: a full phone need not write in order to open.
    else if (lost.ops.length + lost.drafts.length + lost.photos.length === 0) return;
    const ep = (await getMeta<string>(tx, "ep")) ?? "";
    let nextSeq = (await getMeta<number>(tx, "next_seq")) ?? 1;
    let nextPos = (await getMeta<number>(tx, "next_pos")) ?? 1;
    const ops = tx.objectStore("ops");
    const drafts = tx.objectStore("drafts");
    for (const op of lost.ops.sort((a, b) => a.pos - b.pos)) {
      if ((await getMeta(tx, `gone:${op.op}`)) !== undefined || (await ops.getKey(op.op)) !== undefined) continue;
      await ops.put(op);
      if (op.ep === ep) nextSeq = Math.max(nextSeq, op.seq + 1);
      nextPos = Math.max(nextPos, op.pos + 1);
      if (op.draftKey !== null) {
        const row = await drafts.get(op.draftKey);
        if ((row?.gen ?? 0) <= op.gen) await drafts.put(sentStub(op));
      }
    }
    for (const op of lost.ops) {
      const earlier = op.supersedes ? await ops.get(op.supersedes) : undefined;
      if (earlier && earlier.supersededBy === null) await ops.put({ ...earlier, supersededBy: op.op });
    }
    for (const draft of lost.drafts) {
      if (isNewer(draft, await drafts.get(draft.key))) await drafts.put(draft);
    }
    const owner = lost.photos.length > 0 ? owners(await ops.getAll()) : new Map<string, string>();
    const forms = lost.photos.length > 0 ? await drafts.getAll() : [];
    for (const photo of lost.photos) {
      if ((await tx.objectStore("attachments").getKey(photo.id)) !== undefined) continue;
      const op = owner.get(photo.id) ?? null;
      const form = forms.find((row) => row.state === "open" && row.brought?.includes(photo.id));
      const draftGen = photo.draft === null ? undefined : ((await drafts.get(photo.draft))?.gen ?? 0);
      if (op) await tx.objectStore("attachments").put({ ...photo, op, draft: null });
      else if (form) await tx.objectStore("attachments").put({ ...photo, draft: form.key, gen: form.gen });
      else if (draftGen !== undefined && photo.gen >= draftGen) await tx.objectStore("attachments").put(photo);
    }
    await setMeta(tx, "next_seq", nextSeq);
    await setMeta(tx, "next_pos", nextPos);
    if (fresh) await setMeta(tx, "born", surroundings.now());
  });
}

/** What is left of a draft that was sent: enough to recognise a second send from another tab. */
export function sentStub(op: OpRow): DraftRow {
  const { kind, title, url, gen, created } = op;
  const key = op.draftKey ?? "";
  const empty = { fields: {}, supersedes: null, problems: null };
  return { key, kind, title, url, ...empty, state: "submitted", updated: created, gen: gen + 1 };
}

/** A phone without room must still open and send: one copy now, the second at the next start. */
export function unlessFull(error: unknown): void {
  if (!(error instanceof StorageFull)) throw error;
}

/** Rows without a copy get one again; copies of what is over go. */
async function mend(ctx: Context, there: Record<"op" | "att" | "draft", string[]>): Promise<void> {
  const rows = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    ops: await tx.objectStore("ops").getAll(),
    photos: new Set(await tx.objectStore("attachments").getAllKeys()),
    drafts: await tx.objectStore("drafts").getAll(),
  }));
  const mirrored = new Set(there.op);
  for (const op of rows.ops) {
    if (op.state === "accepted") {
      if (mirrored.has(op.op)) await release(ctx, op.op);
    } else if (!mirrored.has(op.op) && !op.supersededBy) await ctx.mirror.putOp(op).catch(unlessFull);
  }
  const inMirror = new Set(there.draft);
  for (const draft of rows.drafts) {
    if (draft.state === "open" && !inMirror.has(draft.key)) await ctx.mirror.putDraft(draft).catch(unlessFull);
    if (draft.state !== "open" && inMirror.has(draft.key)) await ctx.mirror.drop("draft", draft.key);
  }
  for (const id of there.att) {
    if (rows.photos.has(id)) continue;
    const created = Number((await ctx.mirror.read("att", id))?.headers.get("X-Created") ?? 0);
    // Nobody names it any more; still, a month is cheap.
    if (ctx.surroundings.now() - created > KEEP_MS) await ctx.mirror.drop("att", id);
  }
}
