/** Delete what the server has for certain, and nothing else. */
import type { Context } from "./context.ts";
import { type AttachmentRow, getMeta, type OpRow, setMeta, type UserTx } from "./user-db.ts";

/** Sequence numbers of records that their author discarded or replaced, by epoch. */
export type DroppedSeqs = { [ep: string]: number[] };

export const RETENTION_MS = 30 * 24 * 3_600_000;

/**
 * Delete a record; no other code does. A received record expires after 30 days, a replaced one together with its received
 * replacement; any other is deleted only by its author. Return its photos.
 */
export async function deleteOp(tx: UserTx, op: OpRow, why: "old" | "author", now: number): Promise<AttachmentRow[]> {
  if (why === "old" && !(await isExpired(tx, op, now))) throw new Error(`cannot delete ${op.op}: ${op.state}`);
  if (op.supersedes) {
    const earlier = await tx.objectStore("ops").get(op.supersedes);
    // Without the replacement the refused record is open again.
    if (why === "author" && earlier?.supersededBy === op.op) {
      await tx.objectStore("ops").put({ ...earlier, supersededBy: null });
    }
  }
  const photos = await tx.objectStore("attachments").index("op").getAll(op.op);
  for (const photo of photos) await tx.objectStore("attachments").delete(photo.id);
  await tx.objectStore("ops").delete(op.op);
  if (op.state !== "accepted") {
    // Tell the server, or it would report this sequence number as missing.
    const dropped = (await getMeta<DroppedSeqs>(tx, "dropped")) ?? {};
    await setMeta(tx, "dropped", { ...dropped, [op.ep]: [...(dropped[op.ep] ?? []), op.seq] });
  }
  // Another tab may be restoring from the mirror just now: it must not restore this record.
  await setMeta(tx, `gone:${op.op}`, now);
  return photos;
}

async function isExpired(tx: UserTx, op: OpRow, now: number): Promise<boolean> {
  if (op.state === "accepted") return op.receivedAt !== null && now - op.receivedAt > RETENTION_MS;
  if (!op.supersededBy) return false;
  const next = await tx.objectStore("ops").get(op.supersededBy);
  if (next) return isExpired(tx, next, now);
  return (await getMeta(tx, `gone:${op.supersededBy}`)) !== undefined;
}

/** Delete expired records. They are kept for 30 days so that they can be sent again to a server restored from backup. */
export async function deleteExpired(ctx: Context): Promise<void> {
  const now = ctx.env.now();
  await ctx.db.run(["ops", "attachments", "drafts", "meta"], "readwrite", async (tx) => {
    // Oldest first: whether a corrected record is expired depends on its replacement's row.
    const ops = (await tx.objectStore("ops").getAll()).sort((a, b) => a.pos - b.pos);
    for (const op of ops) {
      if (!(await isExpired(tx, op, now))) continue;
      const photos = await tx.objectStore("attachments").index("op").getAll(op.op);
      const waiting = photos.some((photo) => photo.state === "local" || photo.state === "sending");
      if (!waiting || op.supersededBy) await deleteOp(tx, op, "old", now);
    }
    const unsent = new Set(ops.filter((op) => op.state !== "accepted").map((op) => op.draftKey));
    for (const draft of await tx.objectStore("drafts").getAll()) {
      const over = draft.state === "submitted" && now - draft.updated > 2 * RETENTION_MS;
      if (over && !unsent.has(draft.key)) await tx.objectStore("drafts").delete(draft.key);
    }
    for (const key of await tx.objectStore("meta").getAllKeys()) {
      if (!key.startsWith("gone:")) continue;
      if (now - ((await getMeta<number>(tx, key)) ?? now) > 2 * RETENTION_MS) await tx.objectStore("meta").delete(key);
    }
  });
}

/**
 * Delete the mirror's copies of a received record and of those it replaced, once its photos are uploaded, too. Until then
 * a wiped database can be rebuilt; sending twice does no harm.
 */
export async function dropMirrorCopy(ctx: Context, id: string): Promise<void> {
  const copies = await ctx.db.run(["ops", "attachments"], "readonly", async (tx) => {
    const op = await tx.objectStore("ops").get(id);
    if (op?.state !== "accepted") return null;
    const photos = await tx.objectStore("attachments").index("op").getAll(id);
    if (photos.some((photo) => photo.state === "local" || photo.state === "sending")) return null;
    const replaced: string[] = [];
    const replacedPhotos: AttachmentRow[] = [];
    for (let at = op.supersedes; at && !replaced.includes(at); ) {
      replaced.push(at);
      replacedPhotos.push(...(await tx.objectStore("attachments").index("op").getAll(at)));
      at = (await tx.objectStore("ops").get(at))?.supersedes ?? null;
    }
    return { replaced, photos: [...photos, ...replacedPhotos] };
  });
  if (!copies) return;
  for (const photo of copies.photos) await ctx.mirror.drop("att", photo.id);
  for (const earlier of copies.replaced) await ctx.mirror.drop("op", earlier);
  await ctx.mirror.drop("op", id);
}
