/**
 * Make both stores equal before any record is numbered. A new database (first start, or wiped by the browser) is rebuilt
 * from the mirror and starts a new epoch.
 */
import type { Context } from "./context.ts";
import { newEpoch } from "./ids.ts";
import { draftFromMirror } from "./mirror.ts";
import { attachmentFromMirror, attachmentOwners, opFromMirror } from "./rebuild.ts";
import { dropMirrorCopy, RETENTION_MS } from "./retention.ts";
import { StorageFull } from "./types.ts";
import { type AttachmentRow, type DraftRow, getMeta, type OpRow, setMeta } from "./user-db.ts";

interface MirrorOnly {
  ops: OpRow[];
  drafts: DraftRow[];
  photos: AttachmentRow[];
}

export async function reconcile(ctx: Context): Promise<void> {
  const mirrorIds = await ctx.mirror.ids();
  const stored = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    ops: new Set(await tx.objectStore("ops").getAllKeys()),
    photos: new Set(await tx.objectStore("attachments").getAllKeys()),
    drafts: new Map((await tx.objectStore("drafts").getAll()).map((draft) => [draft.key, draft])),
  }));
  const mirrorOnly: MirrorOnly = { ops: [], drafts: [], photos: [] };
  for (const id of mirrorIds.op) {
    const entry = stored.ops.has(id) ? null : await ctx.mirror.read("op", id);
    const op = entry && (await opFromMirror(id, entry, ctx.userId));
    if (op) mirrorOnly.ops.push(op);
  }
  for (const key of mirrorIds.draft) {
    const entry = await ctx.mirror.read("draft", key);
    const draft = entry && draftFromMirror(entry);
    if (draft && isNewer(draft, stored.drafts.get(key))) mirrorOnly.drafts.push(draft);
  }
  for (const id of mirrorIds.att) {
    const entry = stored.photos.has(id) ? null : await ctx.mirror.read("att", id);
    if (entry) mirrorOnly.photos.push(attachmentFromMirror(id, entry));
  }
  await ctx.env.point("reconcile:before-tx");
  await restoreFromMirror(ctx, mirrorOnly);
  await ctx.env.point("reconcile:after-tx");
  await repairMirror(ctx, mirrorIds);
}

function isNewer(draft: DraftRow, row: DraftRow | undefined): boolean {
  if (!row) return true;
  return draft.gen > row.gen || (draft.gen === row.gen && draft.updated > row.updated);
}

/** Restore everything in one transaction, together with the epoch without which nothing can be numbered. */
async function restoreFromMirror(ctx: Context, mirrorOnly: MirrorOnly): Promise<void> {
  const { env } = ctx;
  await ctx.db.run(["ops", "attachments", "drafts", "meta"], "readwrite", async (tx) => {
    const isNewDatabase = (await getMeta(tx, "ep")) === undefined;
    if (isNewDatabase) await setMeta(tx, "ep", newEpoch());
    // Nothing to restore: do not write, so that a phone with a full disk can open.
    else if (mirrorOnly.ops.length + mirrorOnly.drafts.length + mirrorOnly.photos.length === 0) return;
    const ep = (await getMeta<string>(tx, "ep")) ?? "";
    let nextSeq = (await getMeta<number>(tx, "next_seq")) ?? 1;
    let nextPos = (await getMeta<number>(tx, "next_pos")) ?? 1;
    const ops = tx.objectStore("ops");
    const drafts = tx.objectStore("drafts");
    for (const op of mirrorOnly.ops.sort((a, b) => a.pos - b.pos)) {
      if ((await getMeta(tx, `gone:${op.op}`)) !== undefined || (await ops.getKey(op.op)) !== undefined) continue;
      await ops.put(op);
      if (op.ep === ep) nextSeq = Math.max(nextSeq, op.seq + 1);
      nextPos = Math.max(nextPos, op.pos + 1);
      if (op.draftKey !== null) {
        const row = await drafts.get(op.draftKey);
        if ((row?.gen ?? 0) <= op.gen) await drafts.put(submittedDraft(op));
      }
    }
    for (const op of mirrorOnly.ops) {
      const earlier = op.supersedes ? await ops.get(op.supersedes) : undefined;
      if (earlier && earlier.supersededBy === null) await ops.put({ ...earlier, supersededBy: op.op });
    }
    for (const draft of mirrorOnly.drafts) {
      if (isNewer(draft, await drafts.get(draft.key))) await drafts.put(draft);
    }
    const owner = mirrorOnly.photos.length > 0 ? attachmentOwners(await ops.getAll()) : new Map<string, string>();
    const forms = mirrorOnly.photos.length > 0 ? await drafts.getAll() : [];
    for (const photo of mirrorOnly.photos) {
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
    if (isNewDatabase) await setMeta(tx, "born", env.now());
  });
}

/** Return the row that replaces a submitted draft, to detect a second submit from another tab. */
export function submittedDraft(op: OpRow): DraftRow {
  const { kind, title, url, gen, created } = op;
  const key = op.draftKey ?? "";
  const empty = { fields: {}, supersedes: null, problems: null };
  return { key, kind, title, url, ...empty, state: "submitted", updated: created, gen: gen + 1 };
}

/** Rethrow all errors but StorageFull: with a full disk the phone must still open and send. */
export function ignoreStorageFull(error: unknown): void {
  if (!(error instanceof StorageFull)) throw error;
}

/** Write missing copies to the mirror and delete those that are no longer needed. */
async function repairMirror(ctx: Context, mirrorIds: Record<"op" | "att" | "draft", string[]>): Promise<void> {
  const rows = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    ops: await tx.objectStore("ops").getAll(),
    photos: new Set(await tx.objectStore("attachments").getAllKeys()),
    drafts: await tx.objectStore("drafts").getAll(),
  }));
  const opsInMirror = new Set(mirrorIds.op);
  for (const op of rows.ops) {
    if (op.state === "accepted") {
      if (opsInMirror.has(op.op)) await dropMirrorCopy(ctx, op.op);
    } else if (!opsInMirror.has(op.op) && !op.supersededBy) await ctx.mirror.putOp(op).catch(ignoreStorageFull);
  }
  const draftsInMirror = new Set(mirrorIds.draft);
  for (const draft of rows.drafts) {
    if (draft.state === "open" && !draftsInMirror.has(draft.key))
      await ctx.mirror.putDraft(draft).catch(ignoreStorageFull);
    if (draft.state !== "open" && draftsInMirror.has(draft.key)) await ctx.mirror.drop("draft", draft.key);
  }
  for (const id of mirrorIds.att) {
    if (rows.photos.has(id)) continue;
    const created = Number((await ctx.mirror.read("att", id))?.headers.get("X-Created") ?? 0);
    // No row names this photo; keep it for a while all the same.
    if (ctx.env.now() - created > RETENTION_MS) await ctx.mirror.drop("att", id);
  }
}
