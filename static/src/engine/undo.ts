/** Takes a held record back; loaded when somebody asks for it. */
import type { Context } from "./context.ts";
import type { Draft } from "./types.ts";
import type { UndoTools } from "./undo-tools.ts";
import type { DraftRow, OpRow, UserTx } from "./user-db.ts";

/**
 * Take a held record back, as asked for at `now`: it is deleted, and its draft is open again with fields and photos as
 * they were. Return the draft, null for a record that was made by a button. Raise TooLate once it is no longer held.
 */
export async function undo(ctx: Context, id: string, now: number, tools: UndoTools): Promise<Draft | null> {
  const { left } = ctx;
  const held = ctx.holds.get(id);
  if (!held) throw new tools.TooLate(id);
  // Before anything else: a page that goes sends what is in there, and this may be committing by then.
  ctx.holds.delete(id);
  tools.remember(ctx);
  const work = async (tx: UserTx) => {
    const op = await tx.objectStore("ops").get(id);
    // Repeated after the page was left: by then the time may be over.
    const at = ctx.left === left ? now : ctx.surroundings.now();
    if (op?.state !== "saved" || op.supersededBy !== null || !tools.isHeld(op, at)) return null;
    if ((await tools.openOps(tx)).some((other) => other.depends.includes(id))) return null;
    const draft = await bringBackDraft(ctx, tx, op, now);
    await tools.deleteOp(tx, op, "author", now);
    return { draft, earlier: op.supersedes };
  };
  const done = await ctx.db
    .run(["ops", "drafts", "attachments", "meta"], "readwrite", work)
    .catch((error: { unsure?: boolean }) => {
      // It did not happen, so it may be asked for again; unless nobody knows whether it happened.
      if (!error.unsure && ctx.left === left) ctx.holds.set(id, held);
      tools.remember(ctx);
      ctx.changed();
      throw error;
    });
  if (!done) throw new tools.TooLate(id);
  await ctx.surroundings.point("undo:committed");
  const { draft, earlier } = done;
  if (draft) {
    ctx.seen.set(draft.key, draft.gen);
    await ctx.mirror.putDraft(draft).catch(() => undefined);
  }
  await ctx.mirror.drop("op", id);
  ctx.changed();
  const corrected = earlier
    ? await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").get(earlier))
    : undefined;
  if (corrected) await ctx.mirror.putOp(corrected);
  return draft && tools.shown(draft);
}

async function bringBackDraft(ctx: Context, tx: UserTx, op: OpRow, now: number): Promise<DraftRow | null> {
  if (op.draftKey === null) return null;
  const drafts = tx.objectStore("drafts");
  const row = await drafts.get(op.draftKey);
  // Somebody began a new form under this key within the seconds: leave it alone.
  const key = row?.state === "open" ? `op:${op.op}` : op.draftKey;
  const gen = Math.max(row?.gen ?? 0, ctx.seen.get(key) ?? 0);
  const { kind, title, url, fields, supersedes } = op;
  const photos = tx.objectStore("attachments");
  const own = await photos.index("op").getAll(op.op);
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
    brought: own.map((photo) => photo.id),
  };
  await drafts.put(draft);
  for (const photo of own) await photos.put({ ...photo, op: null, draft: key, gen });
  return draft;
}
