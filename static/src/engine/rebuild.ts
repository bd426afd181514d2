/** Rows out of the mirror's entries. */
import { sha256Hex } from "./bytes.ts";
import type { Envelope } from "./envelope.ts";
import type { Found } from "./mirror.ts";
import type { Json } from "./types.ts";
import type { AttachmentRow, OpRow } from "./user-db.ts";

/** Null when the entry is damaged or somebody else's: it is then neither shown nor sent, and left where it is. */
export async function opFromMirror(id: string, found: Found, userId: number): Promise<OpRow | null> {
  const header = (name: string) => decodeURIComponent(found.headers.get(name) ?? "");
  const body = new TextDecoder().decode(found.bytes);
  const sha256 = header("X-Sha256");
  if ((await sha256Hex(body)) !== sha256) return null;
  const envelope = parse(body);
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
    fields: flatten(envelope.data),
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

export function parse(body: string): Envelope | null {
  try {
    const envelope = JSON.parse(body) as Envelope | null;
    return envelope && typeof envelope.op === "string" && Array.isArray(envelope.atts) ? envelope : null;
  } catch {
    return null;
  }
}

/** The owning record goes by the frozen bodies; the entry itself still says which draft it was taken for. */
export function attachmentFromMirror(id: string, found: Found): AttachmentRow {
  const header = (name: string) => decodeURIComponent(found.headers.get(name) ?? "");
  return {
    id,
    draft: header("X-Draft") || null,
    op: null,
    name: header("X-Name"),
    mime: header("Content-Type"),
    size: found.bytes.length,
    sha256: header("X-Sha256"),
    role: header("X-Role"),
    sent: 0,
    state: "local",
    created: Number(header("X-Created")),
    gen: Number(header("X-Gen")),
    url: null,
  };
}

/** Which record names which photo. */
export function owners(ops: Pick<OpRow, "op" | "body">[]): Map<string, string> {
  const owner = new Map<string, string>();
  for (const op of ops) for (const att of parse(op.body)?.atts ?? []) owner.set(att.id, op.op);
  return owner;
}

/** The form's fields as far as its data tells: dotted names, `[]` for lists of plain values. */
export function flatten(data: Json, name = ""): { [name: string]: string | string[] } {
  if (data === null) return {};
  if (typeof data !== "object") return { [name]: String(data) };
  if (Array.isArray(data) && data.every((item) => item !== null && typeof item !== "object")) {
    return { [`${name}[]`]: data.map(String) };
  }
  const fields: { [name: string]: string | string[] } = {};
  for (const [key, value] of Object.entries(data)) {
    Object.assign(fields, flatten(value as Json, name ? `${name}.${key}` : key));
  }
  return fields;
}
