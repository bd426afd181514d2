/** Build database rows from mirror entries. */
import { sha256Hex } from "./bytes.ts";
import type { Envelope } from "./envelope.ts";
import type { MirrorEntry } from "./mirror.ts";
import type { Json } from "./types.ts";
import type { AttachmentRow, OpRow } from "./user-db.ts";

/** Return the row, or null if the entry is damaged or another person's; such an entry stays and is never sent. */
export async function opFromMirror(id: string, entry: MirrorEntry, userId: number): Promise<OpRow | null> {
  const header = (name: string) => decodeURIComponent(entry.headers.get(name) ?? "");
  const body = new TextDecoder().decode(entry.bytes);
  const sha256 = header("X-Sha256");
  if ((await sha256Hex(body)) !== sha256) return null;
  const envelope = parseEnvelope(body);
  if (!envelope || envelope.op !== id || envelope.user !== userId) return null;
  return {
    op: id,
    seq: envelope.seq,
    ep: envelope.ep,
    ref: header("X-Ref"),
    kind: envelope.kind,
    agg: envelope.agg,
    body,
    sha256,
    state: "saved",
    title: header("X-Title"),
    url: header("X-Url"),
    draftKey: header("X-Draft") || null,
    fields: flattenFields(envelope.data),
    depends: envelope.depends,
    supersedes: envelope.supersedes,
    attempts: 0,
    nextAt: 0,
    lastError: null,
    created: Number(header("X-Created")),
    receivedAt: null,
    result: null,
    pos: Number(header("X-Pos")),
    gen: Number(header("X-Gen")),
    supersededBy: null,
    errorRun: 0,
    holdUntil: Number(header("X-Hold")),
  };
}

export function parseEnvelope(body: string): Envelope | null {
  try {
    const envelope = JSON.parse(body) as Envelope | null;
    return envelope && typeof envelope.op === "string" && Array.isArray(envelope.atts) ? envelope : null;
  } catch {
    return null;
  }
}

/** Return the row of a photo without its record: only the records' bodies name that. */
export function attachmentFromMirror(id: string, entry: MirrorEntry): AttachmentRow {
  const header = (name: string) => decodeURIComponent(entry.headers.get(name) ?? "");
  return {
    id,
    draft: header("X-Draft") || null,
    op: null,
    name: header("X-Name"),
    mime: header("Content-Type"),
    size: entry.bytes.length,
    sha256: header("X-Sha256"),
    role: header("X-Role"),
    sent: 0,
    state: "local",
    created: Number(header("X-Created")),
    gen: Number(header("X-Gen")),
    url: null,
  };
}

/** Return the id of the record that names each photo, by photo id. */
export function attachmentOwners(ops: Pick<OpRow, "op" | "body">[]): Map<string, string> {
  const ownerOf = new Map<string, string>();
  for (const op of ops) for (const att of parseEnvelope(op.body)?.atts ?? []) ownerOf.set(att.id, op.op);
  return ownerOf;
}

/** Return data as form fields: dotted names, `[]` for lists of plain values. */
export function flattenFields(data: Json, name = ""): { [name: string]: string | string[] } {
  if (data === null) return {};
  if (typeof data !== "object") return { [name]: String(data) };
  if (Array.isArray(data) && data.every((item) => item !== null && typeof item !== "object")) {
    return { [`${name}[]`]: data.map(String) };
  }
  const fields: { [name: string]: string | string[] } = {};
  for (const [key, value] of Object.entries(data)) {
    Object.assign(fields, flattenFields(value as Json, name ? `${name}.${key}` : key));
  }
  return fields;
}
