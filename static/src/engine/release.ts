/** Lets go of what the server holds for certain, and never of anything else. */
import type { Context } from "./context.ts";
import { type AttachmentRow, getMeta, type OpRow, setMeta, type UserTx } from "./user-db.ts";

/** Numbers of records their author discarded or replaced, by epoch. */
export type Dropped = { [ep: string]: number[] };

export const KEEP_MS = 30 * 24 * 3_600_000;

/**
 * The only code that deletes a record. A received one goes after 30 days, one its author replaced goes with its
 * received replacement, and any other only when its author says so.
 */
export async function deleteOp(tx: UserTx, op: OpRow, why: "old" | "author", now: number): Promise<AttachmentRow[]> {
  if (why === "old" && !(await isOld(tx, op, now))) throw new Error(`refusing to delete ${op.op} in state ${op.state}`);
  if (op.supersedes) {
    const earlier = await tx.objectStore("ops").get(op.supersedes);
    // The replacement is gone, so the refused record needs its author again.
    if (why === "author" && earlier?.supersededBy === op.op) {
      await tx.objectStore("ops").put({ ...earlier, supersededBy: null });
    }
  }
  const photos = await tx.objectStore("attachments").index("op").getAll(op.op);
  for (const photo of photos) await tx.objectStore("attachments").delete(photo.id);
  await tx.objectStore("ops").delete(op.op);
  if (op.state !== "accepted") {
    // Else the server would look for its number for ever: what it could not even read has no receipt.
    const dropped = (await getMeta<Dropped>(tx, "dropped")) ?? {};
    await setMeta(tx, "dropped", { ...dropped, [op.ep]: [...(dropped[op.ep] ?? []), op.seq] });
  }
  // Another tab may be reconciling from the mirror right now: it must not bring this one back.
  await setMeta(tx, `gone:${op.op}`, now);
  return photos;
}

async function isOld(tx: UserTx, op: OpRow, now: number): Promise<boolean> {
  if (op.state === "accepted") return op.receivedAt !== null && now - op.receivedAt > KEEP_MS;
  if (!op.supersededBy) return false;
  const next = await tx.objectStore("ops").get(op.supersededBy);
  if (next) return isOld(tx, next, now);
  return (await getMeta(tx, `gone:${op.supersededBy}`)) !== undefined;
}

/** Proof of delivery is kept for 30 days: enough to offer it again should the server be restored from a backup. */
export async function purge(ctx: Context): Promise<void> {
  const now = ctx.surroundings.now();
  await ctx.db.run(["ops", "attachments", "drafts", "meta"], "readwrite", async (tx) => {
    // Corrected records first: whether they may go depends on their replacement still being known.
    const ops = (await tx.objectStore("ops").getAll()).sort((a, b) => a.pos - b.pos);
    for (const op of ops) {
      if (!(await isOld(tx, op, now))) continue;
      const photos = await tx.objectStore("attachments").index("op").getAll(op.op);
      const waiting = photos.some((photo) => photo.state === "local" || photo.state === "sending");
      if (!waiting || op.supersededBy) await deleteOp(tx, op, "old", now);
    }
    const unsent = new Set(ops.filter((op) => op.state !== "accepted").map((op) => op.draftKey));
    for (const draft of await tx.objectStore("drafts").getAll()) {
      const over = draft.state === "submitted" && now - draft.updated > 2 * KEEP_MS;
      if (over && !unsent.has(draft.key)) await tx.objectStore("drafts").delete(draft.key);
    }
    for (const key of await tx.objectStore("meta").getAllKeys()) {
      if (!key.startsWith("gone:")) continue;
      if (now - ((await getMeta<number>(tx, key)) ?? now) > 2 * KEEP_MS) await tx.objectStore("meta").delete(key);
    }
  });
}

/**
 * Drops the mirror's copy of a received record once its photos are there too, and what it replaced. Until then a
 * wiped database finds everything again: sending twice does no harm.
 */
export async function release(ctx: Context, id: string): Promise<void> {
  const done = await ctx.db.run(["ops", "attachments"], "readonly", async (tx) => {
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
  if (!done) return;
  for (const photo of done.photos) await ctx.mirror.drop("att", photo.id);
  for (const earlier of done.replaced) await ctx.mirror.drop("op", earlier);
  await ctx.mirror.drop("op", id);
}
