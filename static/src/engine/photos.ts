/** Photos of drafts. The bytes are in the mirror only: WebKit returns empty Blobs from IndexedDB. */
import { sha256Hex } from "./bytes.ts";
import type { Context } from "./context.ts";
import { uuidv7 } from "./ids.ts";
import { evictPages } from "./mirror.ts";
import { AlreadySubmitted, type Attachment, type Engine, StorageFull } from "./types.ts";
import type { AttachmentRow } from "./user-db.ts";

export interface NewPhoto {
  name: string;
  mime: string;
  role: string;
  bytes: Uint8Array;
}

/** Above this share of the quota no photo is added, so that text always fits. */
const MAX_PHOTO_SHARE = 0.8;

export function photosOf(ctx: Context): Engine["photos"] {
  return {
    async add(draft, file) {
      const sha256 = await sha256Hex(file.bytes);
      return ctx.serial(async () => toAttachment(await addPhoto(ctx, draft, file, sha256)));
    },
    bytes: async (id) => (await ctx.mirror.read("att", id))?.bytes ?? null,
    remove: (id) =>
      ctx.serial(async () => {
        await ctx.db.run(["attachments"], "readwrite", async (tx) => {
          const row = await tx.objectStore("attachments").get(id);
          if (row && row.op !== null) throw new Error("photo of a record");
          await tx.objectStore("attachments").delete(id);
        });
        await ctx.mirror.drop("att", id);
        ctx.changed();
      }),
  };
}

export function toAttachment(row: AttachmentRow): Attachment {
  const { gen: _, url: __, told: ___, ...attachment } = row;
  return attachment;
}

/** Write the bytes, then the row: a row always has its bytes, and reconcile finds bytes without a row. */
async function addPhoto(ctx: Context, draft: string, file: NewPhoto, sha256: string): Promise<AttachmentRow> {
  const { env } = ctx;
  await ensureRoom(ctx, file.bytes.length);
  const now = env.now();
  const { name, mime, role, bytes } = file;
  const gen = ctx.gens.get(draft) ?? 0;
  const photo: AttachmentRow = {
    ...{ id: uuidv7(now), draft, op: null, name, mime, size: bytes.length, sha256, role },
    ...{ sent: 0, state: "local", created: now, gen, url: null },
  };
  await ctx.mirror.putAttachment(photo, bytes);
  await env.point("photo:mirrored");
  try {
    await ctx.db.run(["attachments", "drafts"], "readwrite", async (tx) => {
      const row = await tx.objectStore("drafts").get(draft);
      if (row && row.gen > gen) throw new AlreadySubmitted(row.updated);
      await tx.objectStore("attachments").put(photo);
    });
  } catch (error) {
    await ctx.mirror.drop("att", photo.id);
    throw error;
  }
  ctx.changed();
  return photo;
}

async function ensureRoom(ctx: Context, size: number): Promise<void> {
  const isTooFull = async () => {
    const estimate = await ctx.env.estimate?.();
    if (!estimate?.quota) return false;
    return (estimate.usage ?? 0) + size > MAX_PHOTO_SHARE * estimate.quota;
  };
  if (!(await isTooFull())) return;
  await evictPages(ctx.env.caches);
  if (await isTooFull()) throw new StorageFull();
}
