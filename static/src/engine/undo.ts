/** Undo of a held record; loaded on first use. */
import type { Context } from "./context.ts";
import type { Draft } from "./types.ts";
import type { UndoTools } from "./undo-tools.ts";
import type { DraftRow, OpRow, UserTx } from "./user-db.ts";

/**
 * Undo a held record, as requested at `now`: delete it and reopen its draft with fields and photos. Return the draft, null
 * for a button's record. Throws TooLate once it is no longer held.
 */
export async function undo(ctx: Context, id: string, now: number, tools: UndoTools): Promise<Draft | null> {
  const { exits } = ctx;
  const held = ctx.holds.get(id);
  if (!held) throw new tools.TooLate(id);
  // First of all: a page that is unloaded sends all holds, and this transaction may be committing by then.
  ctx.holds.delete(id);
  tools.saveHoldIds(ctx);
  const work = async (tx: UserTx) => {
    const op = await tx.objectStore("ops").get(id);
    // Repeated after the page was left: the hold may have ended by then.
    const at = ctx.exits === exits ? now : ctx.env.now();
    if (op?.state !== "saved" || op.supersededBy !== null || !tools.isHeld(op, at)) return null;
    if ((await tools.openOps(tx)).some((other) => other.depends.includes(id))) return null;
    const draft = await reopenDraft(ctx, tx, op, now);
    await tools.deleteOp(tx, op, "author", now);
    return { draft, earlier: op.supersedes };
  };
  const done = await ctx.db
    .run(["ops", "drafts", "attachments", "meta"], "readwrite", work)
    .catch((error: { unsure?: boolean }) => {
      // It did not happen, so allow another try; unless the commit's outcome is unknown.
      if (!error.unsure && ctx.exits === exits) ctx.holds.set(id, held);
      tools.saveHoldIds(ctx);
      ctx.changed();
      throw error;
    });
  if (!done) throw new tools.TooLate(id);
  await ctx.env.point("undo:committed");
  const { draft, earlier } = done;
  if (draft) {
    ctx.gens.set(draft.key, draft.gen);
    await ctx.mirror.putDraft(draft).catch(() => undefined);
  }
  await ctx.mirror.drop("op", id);
  ctx.changed();
  const corrected = earlier
    ? await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").get(earlier))
    : undefined;
  if (corrected) await ctx.mirror.putOp(corrected);
  return draft && tools.toDraft(draft);
}

async function reopenDraft(ctx: Context, tx: UserTx, op: OpRow, now: number): Promise<DraftRow | null> {
  if (op.draftKey === null) return null;
  const drafts = tx.objectStore("drafts");
  const row = await drafts.get(op.draftKey);
  // A new draft was begun under this key meanwhile: keep it.
  const key = row?.state === "open" ? `op:${op.op}` : op.draftKey;
  const gen = Math.max(row?.gen ?? 0, ctx.gens.get(key) ?? 0);
  const { kind, title, url, fields, supersedes } = op;
  const photos = tx.objectStore("attachments");
  const photosOfOp = await photos.index("op").getAll(op.op);
  const draft: DraftRow = {
    key,
    kind,
    title,
    url,
    fields,
    supersedes,
    state: "open",
    problems: null,
    updated: now,
    gen,
    brought: photosOfOp.map((photo) => photo.id),
  };
  await drafts.put(draft);
  for (const photo of photosOfOp) await photos.put({ ...photo, op: null, draft: key, gen });
  return draft;
}
