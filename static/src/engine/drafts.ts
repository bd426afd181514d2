/** Half-filled forms. They save themselves, and can never be sent by accident: a draft is not a record. */
import type { Context } from "./context.ts";
import { AlreadySubmitted, type Draft, type Engine, PageLeft, StorageFull } from "./types.ts";
import type { AttachmentRow, DraftRow } from "./user-db.ts";

export function draftsOf(ctx: Context): Engine["drafts"] {
  return {
    async load(key) {
      const row = await ctx.db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").get(key));
      ctx.seen.set(key, Math.max(row?.gen ?? 0, ctx.seen.get(key) ?? 0));
      return row?.state === "open" ? shown(row) : undefined;
    },
    generation: (key) => ctx.seen.get(key) ?? 0,
    save(draft) {
      // As old as its fields, however long it waits for its turn: what was typed since counts as newer.
      const updated = ctx.surroundings.now();
      const { left } = ctx;
      return ctx.serial(() => save(ctx, draft, updated, left));
    },
    remove: (key) => ctx.serial(() => remove(ctx, key)),
    async list() {
      const rows = await ctx.db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").getAll());
      const open = rows.filter((row) => row.state === "open");
      return open.sort((a, b) => b.updated - a.updated).map(shown);
    },
  };
}

export function shown(row: DraftRow): Draft {
  const { gen: _, brought: __, ...draft } = row;
  return draft;
}

async function save(ctx: Context, draft: Omit<Draft, "updated" | "state">, updated: number, left: number) {
  const saved = await ctx.db.run(["drafts"], "readwrite", async (tx) => {
    if (ctx.left !== left) throw new PageLeft();
    const row = await tx.objectStore("drafts").get(draft.key);
    const seen = ctx.seen.get(draft.key) ?? 0;
    if (row && row.gen > seen) throw new AlreadySubmitted(row.updated);
    // A form that forgets what it corrects would make a second record of it.
    const open = row?.state === "open" ? row : null;
    const supersedes = draft.supersedes ?? open?.supersedes ?? null;
    const brought = open?.brought ? { brought: open.brought } : {};
    const next: DraftRow = { ...draft, supersedes, state: "open", updated, gen: seen, ...brought };
    await tx.objectStore("drafts").put(next);
    return next;
  });
  await ctx.surroundings.point("draft:committed");
  try {
    await ctx.mirror.putDraft(saved);
  } catch (error) {
    throw new StorageFull(`no second copy: ${String(error)}`, true);
  }
}

async function remove(ctx: Context, key: string): Promise<void> {
  const photos = await ctx.db.run(["drafts", "attachments"], "readwrite", async (tx): Promise<AttachmentRow[]> => {
    const row = await tx.objectStore("drafts").get(key);
    const photos = await tx.objectStore("attachments").index("draft").getAll(key);
    for (const photo of photos) await tx.objectStore("attachments").delete(photo.id);
    const emptied = { fields: {}, supersedes: null, problems: null, updated: ctx.surroundings.now() };
    // The generation stays, or a tab left behind could send the old form once more.
    if (row) await tx.objectStore("drafts").put({ ...row, ...emptied, state: "submitted" });
    return photos;
  });
  await ctx.mirror.drop("draft", key);
  for (const photo of photos) await ctx.mirror.drop("att", photo.id);
  ctx.changed();
}
