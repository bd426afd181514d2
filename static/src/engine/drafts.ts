/** Drafts: half-filled forms. They are saved automatically and never sent. */
import type { Context } from "./context.ts";
import { AlreadySubmitted, type Draft, type Engine, PageLeft, StorageFull } from "./types.ts";
import type { AttachmentRow, DraftRow } from "./user-db.ts";

export function draftsOf(ctx: Context): Engine["drafts"] {
  return {
    async load(key) {
      const row = await ctx.db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").get(key));
      ctx.gens.set(key, Math.max(row?.gen ?? 0, ctx.gens.get(key) ?? 0));
      return row?.state === "open" ? toDraft(row) : undefined;
    },
    generation: (key) => ctx.gens.get(key) ?? 0,
    save(draft) {
      // Time of typing, not of writing: what is typed while this save is queued must count as newer.
      const updated = ctx.env.now();
      const { exits } = ctx;
      return ctx.serial(() => save(ctx, draft, updated, exits));
    },
    remove: (key) => ctx.serial(() => remove(ctx, key)),
    async list() {
      const rows = await ctx.db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").getAll());
      const open = rows.filter((row) => row.state === "open");
      return open.sort((a, b) => b.updated - a.updated).map(toDraft);
    },
  };
}

export function toDraft(row: DraftRow): Draft {
  const { gen: _, brought: __, ...draft } = row;
  return draft;
}

async function save(ctx: Context, draft: Omit<Draft, "updated" | "state">, updated: number, exits: number) {
  const saved = await ctx.db.run(["drafts"], "readwrite", async (tx) => {
    if (ctx.exits !== exits) throw new PageLeft();
    const row = await tx.objectStore("drafts").get(draft.key);
    const seen = ctx.gens.get(draft.key) ?? 0;
    if (row && row.gen > seen) throw new AlreadySubmitted(row.updated);
    // Without `supersedes` a correction would become a second record.
    const open = row?.state === "open" ? row : null;
    const supersedes = draft.supersedes ?? open?.supersedes ?? null;
    const brought = open?.brought ? { brought: open.brought } : {};
    const next: DraftRow = { ...draft, supersedes, state: "open", updated, gen: seen, ...brought };
    await tx.objectStore("drafts").put(next);
    return next;
  });
  await ctx.env.point("draft:committed");
  try {
    await ctx.mirror.putDraft(saved);
  } catch (error) {
    throw new StorageFull(String(error), true);
  }
}

async function remove(ctx: Context, key: string): Promise<void> {
  const photos = await ctx.db.run(["drafts", "attachments"], "readwrite", async (tx): Promise<AttachmentRow[]> => {
    const row = await tx.objectStore("drafts").get(key);
    const photos = await tx.objectStore("attachments").index("draft").getAll(key);
    for (const photo of photos) await tx.objectStore("attachments").delete(photo.id);
    const emptied = { fields: {}, supersedes: null, problems: null, updated: ctx.env.now() };
    // Keep the generation, or another tab could submit the removed form.
    if (row) await tx.objectStore("drafts").put({ ...row, ...emptied, state: "submitted" });
    return photos;
  });
  await ctx.mirror.drop("draft", key);
  for (const photo of photos) await ctx.mirror.drop("att", photo.id);
  ctx.changed();
}
