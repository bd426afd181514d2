/** Contents of the rescue archive (docs/sync-protocol.md): records, photos and drafts the server does not have. */
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { tools } from "./rescue-tools.ts";
import type { RescueEntry } from "./types.ts";
import type { AttachmentRow, DraftRow, OpRow } from "./user-db.ts";

type Tools = typeof tools;

interface Origin {
  user: number;
  instance: string;
  dev: string;
  build: string;
  now: number;
}

type Frozen = Pick<OpRow, "op" | "ref" | "title" | "state" | "sha256"> & { bytes: Uint8Array };
type RescuePhoto = Omit<AttachmentRow, "bytes"> & { bytes: Bytes | undefined };

/** Collect the archive from both stores. */
export async function rescue(ctx: Context, { openOps, utf8 }: Tools): Promise<RescueEntry[]> {
  const rows = await ctx.db.run(["ops", "attachments", "drafts"], "readonly", async (tx) => ({
    open: (await openOps(tx)).filter((op) => op.supersededBy === null),
    replacedOps: (await tx.objectStore("ops").getAll()).filter((op) => op.supersededBy !== null),
    photos: (await tx.objectStore("attachments").getAll()).filter((photo) => photo.state !== "stored"),
    drafts: (await tx.objectStore("drafts").getAll()).filter((draft) => draft.state === "open"),
  }));
  const replaced = new Set<string | null>(rows.replacedOps.map((op) => op.op));
  const photos: RescuePhoto[] = [];
  for (const photo of rows.photos) {
    if (replaced.has(photo.op)) continue;
    photos.push({ ...photo, bytes: (await ctx.mirror.read("att", photo.id))?.bytes });
  }
  const { instance, build, device, userId: user, env } = ctx;
  const frozen = rows.open.map((op) => ({ ...op, bytes: utf8(op.body) }));
  const origin = { user, instance, dev: device.id, build, now: env.now() };
  return buildFiles(origin, frozen, photos, rows.drafts, utf8);
}

/** Collect the archive from the mirror alone, when no outbox is open or its database cannot be opened. */
export async function rescueFromMirror(
  caches: CacheStorage,
  origin: Omit<Origin, "dev">,
  { attachmentFromMirror, draftFromMirror, openMirror, attachmentOwners, parseEnvelope, utf8 }: Tools,
): Promise<RescueEntry[]> {
  const mirror = openMirror(caches, origin.user);
  const mirrorIds = await mirror.ids();
  const ops: (Frozen & { pos: number; body: string })[] = [];
  for (const id of mirrorIds.op) {
    const entry = await mirror.read("op", id);
    if (!entry) continue;
    const header = (name: string) => decodeURIComponent(entry.headers.get(name) ?? "");
    const names = { op: id, ref: header("X-Ref"), title: header("X-Title"), sha256: header("X-Sha256") };
    // Include damaged records: the import lists them.
    const body = new TextDecoder().decode(entry.bytes);
    ops.push({ ...names, state: "saved", bytes: entry.bytes, body, pos: Number(header("X-Pos")) });
  }
  const replaced = new Set<string | null>();
  for (const op of ops) replaced.add(parseEnvelope(op.body)?.supersedes ?? "");
  const frozen = ops.filter((op) => !replaced.has(op.op)).sort((a, b) => a.pos - b.pos);
  const ownerOf = attachmentOwners(ops);
  const photos: RescuePhoto[] = [];
  for (const id of mirrorIds.att) {
    const entry = await mirror.read("att", id);
    const op = ownerOf.get(id) ?? null;
    if (!entry || replaced.has(op)) continue;
    const row = attachmentFromMirror(id, entry);
    photos.push({ ...row, op, draft: op ? null : row.draft, bytes: entry.bytes });
  }
  const drafts: DraftRow[] = [];
  for (const key of mirrorIds.draft) {
    const entry = await mirror.read("draft", key);
    const draft = entry && draftFromMirror(entry);
    if (draft?.state === "open") drafts.push(draft);
  }
  const newest = frozen.at(-1);
  return buildFiles(
    { ...origin, dev: (newest && parseEnvelope(newest.body)?.dev) ?? "" },
    frozen,
    photos,
    drafts,
    utf8,
  );
}

function buildFiles(
  origin: Origin,
  ops: Frozen[],
  photos: RescuePhoto[],
  drafts: DraftRow[],
  utf8: Tools["utf8"],
): RescueEntry[] {
  if (ops.length + photos.length + drafts.length === 0) return [];
  const files: RescueEntry[] = [];
  const { now, ...who } = origin;
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
  for (const { id, op, draft, name, mime, size, sha256, role, bytes } of photos) {
    const file = bytes ? `atts/${id}` : null;
    if (bytes && file) files.push({ name: file, bytes });
    manifest.atts.push({ file, id, op, draft, name, mime, size, sha256, role });
  }
  return [{ name: "manifest.json", bytes: utf8(JSON.stringify(manifest, null, 1)) }, ...files];
}
