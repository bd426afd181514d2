/** The rescue file's contents (docs/sync-protocol.md): what the server does not have, as it was frozen. */
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { tools } from "./rescue-tools.ts";
import type { RescueEntry } from "./types.ts";
import type { AttachmentRow, DraftRow, OpRow } from "./user-db.ts";

type Tools = typeof tools;

interface About {
  user: number;
  instance: string;
  dev: string;
  build: string;
  now: number;
}

type Frozen = Pick<OpRow, "op" | "ref" | "title" | "state" | "sha256"> & { bytes: Uint8Array };
type Shot = Omit<AttachmentRow, "bytes"> & { bytes: Bytes | undefined };

/** From both stores; it does not matter whether anything can be sent. */
export async function rescue(ctx: Context, { openOps, utf8 }: Tools): Promise<RescueEntry[]> {
  const rows = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    open: (await openOps(tx)).filter((op) => op.supersededBy === null),
    gone: (await tx.objectStore("ops").getAll()).filter((op) => op.supersededBy !== null),
    photos: (await tx.objectStore("attachments").getAll()).filter((photo) => photo.state !== "stored"),
    drafts: (await tx.objectStore("drafts").getAll()).filter((draft) => draft.state === "open"),
  }));
  const replaced = new Set<string | null>(rows.gone.map((op) => op.op));
  const shots: Shot[] = [];
  for (const photo of rows.photos) {
    if (replaced.has(photo.op)) continue;
    shots.push({ ...photo, bytes: (await ctx.mirror.read("att", photo.id))?.bytes });
  }
  const { instance, build, device, userId: user, surroundings } = ctx;
  const frozen = rows.open.map((op) => ({ ...op, bytes: utf8(op.body) }));
  const about = { user, instance, dev: device.id, build, now: surroundings.now() };
  return entries(about, frozen, shots, rows.drafts, utf8);
}

/** From the mirror alone, where the database cannot be opened or nobody's outbox is open. Reads and sends nothing. */
export async function rescueFromMirror(
  caches: CacheStorage,
  about: Omit<About, "dev">,
  { attachmentFromMirror, draftFromMirror, openMirror, owners, parse, utf8 }: Tools,
): Promise<RescueEntry[]> {
  const mirror = openMirror(caches, about.user);
  const there = await mirror.ids();
  const found: (Frozen & { pos: number; body: string })[] = [];
  for (const id of there.op) {
    const held = await mirror.read("op", id);
    if (!held) continue;
    const header = (name: string) => decodeURIComponent(held.headers.get(name) ?? "");
    const names = { op: id, ref: header("X-Ref"), title: header("X-Title"), sha256: header("X-Sha256") };
    // Damaged ones come along: the desk is told of them by name.
    const body = new TextDecoder().decode(held.bytes);
    found.push({ ...names, state: "saved", bytes: held.bytes, body, pos: Number(header("X-Pos")) });
  }
  const replaced = new Set<string | null>();
  for (const one of found) replaced.add(parse(one.body)?.supersedes ?? "");
  const frozen = found.filter((one) => !replaced.has(one.op)).sort((a, b) => a.pos - b.pos);
  const owner = owners(found);
  const shots: Shot[] = [];
  for (const id of there.att) {
    const held = await mirror.read("att", id);
    const op = owner.get(id) ?? null;
    if (!held || replaced.has(op)) continue;
    const row = attachmentFromMirror(id, held);
    shots.push({ ...row, op, draft: op ? null : row.draft, bytes: held.bytes });
  }
  const drafts: DraftRow[] = [];
  for (const key of there.draft) {
    const held = await mirror.read("draft", key);
    const draft = held && draftFromMirror(held);
    if (draft?.state === "open") drafts.push(draft);
  }
  const newest = frozen.at(-1);
  return entries({ ...about, dev: (newest && parse(newest.body)?.dev) ?? "" }, frozen, shots, drafts, utf8);
}

function entries(about: About, ops: Frozen[], shots: Shot[], drafts: DraftRow[], utf8: Tools["utf8"]): RescueEntry[] {
  if (ops.length + shots.length + drafts.length === 0) return [];
  const files: RescueEntry[] = [];
  const { now, ...who } = about;
  const manifest = {
    v: 1,
    ...who,
    made: new Date(now).toISOString(),
    ops: [] as object[],
    atts: [] as object[],
    drafts: drafts.map(({ title, kind, updated, fields }) => {
      return { title, kind, updated: new Date(updated).toISOString(), fields };
    }),
  };
  for (const { op, sha256, ref, state, title, bytes } of ops) {
    const file = `ops/${ref.replace(/[^\w-]/g, "")}-${op}.json`;
    files.push({ name: file, bytes });
    manifest.ops.push({ file, op, sha256, ref, state, title });
  }
  for (const { id, op, draft, name, mime, size, sha256, role, bytes } of shots) {
    const file = bytes ? `atts/${id}` : null;
    if (bytes && file) files.push({ name: file, bytes });
    manifest.atts.push({ file, id, op, draft, name, mime, size, sha256, role });
  }
  return [{ name: "manifest.json", bytes: utf8(JSON.stringify(manifest, null, 1)) }, ...files];
}
