/** Operations on a person's records: list, count, correct, discard. */

import type { Context } from "./context.ts";
import { repeatedDecision, withoutBase } from "./decision.ts";
import { toDraft } from "./drafts.ts";
import { uuidv7 } from "./ids.ts";
import { toAttachment } from "./photos.ts";
import { deleteOp } from "./retention.ts";
import type { Attachment, Counts, Draft, Op } from "./types.ts";
import { type AttachmentRow, type DraftRow, getMeta, type OpRow, openOps } from "./user-db.ts";

/** List records, newest first, without those that a correction replaced. */
export async function list(ctx: Context): Promise<Op[]> {
  const rows = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").getAll());
  return rows.filter((row) => row.supersededBy === null).sort((a, b) => b.pos - a.pos);
}

export function get(ctx: Context, op: string): Promise<Op | undefined> {
  return ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").get(op));
}

export async function attachmentsOf(ctx: Context, owner: { op?: string; draft?: string }): Promise<Attachment[]> {
  const rows = await ctx.db.run(["attachments"], "readonly", async (tx) => {
    const store = tx.objectStore("attachments");
    if (owner.op !== undefined) return store.index("op").getAll(owner.op);
    return owner.draft === undefined ? [] : store.index("draft").getAll(owner.draft);
  });
  return rows.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1)).map(toAttachment);
}

export function counts(ctx: Context): Promise<Counts> {
  return ctx.db.run(["ops", "attachments", "meta"], "readonly", async (tx) => {
    const open = (await openOps(tx)).filter((op) => op.supersededBy === null);
    const refused = open.filter((op) => op.state === "rejected" || op.state === "conflict");
    const unsent = open.filter((op) => op.state !== "rejected" && op.state !== "conflict");
    const byState = tx.objectStore("attachments").index("state");
    const owners = new Set<string>();
    for (const state of ["local", "sending"]) {
      for (const photo of await byState.getAll(state)) if (photo.op !== null) owners.add(photo.op);
    }
    let photos = 0;
    for (const op of owners) if ((await tx.objectStore("ops").get(op))?.state === "accepted") photos++;
    const oldest = unsent.length > 0 ? Math.min(...unsent.map((op) => op.created)) : null;
    const photoAt = (await getMeta<number>(tx, "photo_at")) ?? null;
    return { unsent: unsent.length, attention: refused.length, photos, oldest, photoAt };
  });
}

/** Open a draft with the contents of a refused record. The record stays until its correction is captured. */
export async function reopen(ctx: Context, id: string): Promise<Draft> {
  const photos = await copyPhotos(ctx, id);
  await ctx.env.point("reopen:copied");
  const now = ctx.env.now();
  const { draft, used } = await ctx.db.run(["ops", "drafts", "attachments"], "readwrite", async (tx) => {
    const op = await tx.objectStore("ops").get(id);
    if (!op || op.supersededBy !== null || (op.state !== "rejected" && op.state !== "conflict")) {
      throw new Error(`not refused: ${id}`);
    }
    const drafts = tx.objectStore("drafts");
    const ownKey = `op:${id}`;
    const repeated = repeatedDecision(op);
    for (const key of [repeated?.draft ?? op.draftKey ?? ownKey, ownKey]) {
      const row = await drafts.get(key);
      if (row?.state === "open" && row.supersedes === id) return { draft: row, used: false };
      // Another draft is open under this key: use the next key.
      if (row?.state === "open") continue;
      const { kind, title } = op;
      const { url, fields } = repeated ? { url: repeated.url, fields: withoutBase(op.fields) } : op;
      const gen = Math.max(row?.gen ?? 0, ctx.gens.get(key) ?? 0);
      const problems = op.result?.problems ?? null;
      const draft: DraftRow = {
        key,
        kind,
        title,
        url,
        fields,
        state: "open",
        supersedes: id,
        problems,
        updated: now,
        gen,
        brought: photos.map((photo) => photo.id),
      };
      await drafts.put(draft);
      for (const photo of photos) await tx.objectStore("attachments").put({ ...photo, draft: key, gen });
      return { draft, used: true };
    }
    throw new Error(`no free draft for ${id}`);
  });
  ctx.gens.set(draft.key, draft.gen);
  if (used) await ctx.mirror.putDraft(draft);
  else for (const photo of photos) await ctx.mirror.drop("att", photo.id);
  ctx.changed();
  return toDraft(draft);
}

/** Copy the photos of a record under new ids: the server may know the old ones with the refused record. */
async function copyPhotos(ctx: Context, op: string): Promise<AttachmentRow[]> {
  const rows = await ctx.db.run(["attachments"], "readonly", (tx) =>
    tx.objectStore("attachments").index("op").getAll(op),
  );
  const copies: AttachmentRow[] = [];
  for (const row of rows) {
    const entry = await ctx.mirror.read("att", row.id);
    if (!entry) continue;
    const fresh = { id: uuidv7(ctx.env.now()), op: null, sent: 0, state: "local" as const, url: null };
    const copy: AttachmentRow = { ...row, ...fresh };
    await ctx.mirror.putAttachment(copy, entry.bytes);
    copies.push(copy);
  }
  return copies;
}

export async function discard(ctx: Context, id: string): Promise<void> {
  // "sending" counts only while somebody holds the sender's lock; a tab that died leaves the mark behind. Checked in the
  // deleting transaction, because the sender sets the mark in a transaction, too.
  const remove = (sending: boolean) =>
    ctx.db.run(["ops", "attachments", "meta"], "readwrite", async (tx) => {
      const op = await tx.objectStore("ops").get(id);
      if (!op) return { photos: [], earlier: null };
      if (op.state === "accepted" || op.state === "held") throw new Error(`${id} is received`);
      if (op.state === "sending" && sending) throw new Error(`${id} is being sent`);
      const photos = await deleteOp(tx, op, "author", ctx.env.now());
      return { photos, earlier: op.supersedes };
    });
  const { locks } = ctx.env;
  const done = locks
    ? await locks.request(`flush-${ctx.userId}`, { ifAvailable: true }, (lock) => remove(lock === null))
    : await remove(true);
  await ctx.mirror.drop("op", id);
  for (const photo of done.photos) await ctx.mirror.drop("att", photo.id);
  const earlier = done.earlier ? ((await get(ctx, done.earlier)) as OpRow | undefined) : undefined;
  if (earlier) await ctx.mirror.putOp(earlier);
  ctx.changed();
}
