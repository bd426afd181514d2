/** Envelope of a record. Key order is part of the format: the JSON is hashed once and never rebuilt. */
import type { Aggregate, CaptureInput, Json, JsonObject } from "./types.ts";
import type { AttachmentRow, Clock, OpRow } from "./user-db.ts";

export interface Envelope {
  v: 1;
  op: string;
  dev: string;
  ep: string;
  user: number;
  seq: number;
  kind: string;
  schema: number;
  build: string;
  agg: Aggregate;
  base: { ver: number; fields: JsonObject } | null;
  depends: string[];
  supersedes: string | null;
  at: { utc: string; tz: string; offset_ms: number | null; offset_age_s: number | null };
  data: JsonObject;
  atts: { id: string; name: string; mime: string; size: number; sha256: string; role: string }[];
}

export interface Numbering {
  op: string;
  dev: string;
  ep: string;
  user: number;
  seq: number;
  build: string;
}

export function freeze(
  numbering: Numbering,
  input: CaptureInput,
  depends: string[],
  supersedes: string | null,
  at: Envelope["at"],
  photos: AttachmentRow[],
): string {
  const { op, dev, ep, user, seq, build } = numbering;
  const { kind, schema, agg, base, data } = input;
  const atts = photos.map(({ id, name, mime, size, sha256, role }) => ({ id, name, mime, size, sha256, role }));
  const head = { v: 1 as const, op, dev, ep, user, seq, kind, schema, build };
  const envelope: Envelope = { ...head, agg, base, depends, supersedes, at, data, atts };
  return JSON.stringify(envelope);
}

/** Return the phone's time with the measured offset to the server. A wrong clock never refuses a record. */
export function timestamp(now: number, tz: string, clock: Clock | undefined): Envelope["at"] {
  // A measurement in the future means that the clock was set back: its offset no longer applies.
  const isMeasured = clock !== undefined && now >= clock.at;
  return {
    utc: new Date(now).toISOString(),
    tz,
    offset_ms: isMeasured ? clock.offset : null,
    offset_age_s: isMeasured ? Math.round((now - clock.at) / 1000) : null,
  };
}

/**
 * Return the unreceived records that the new one mentions. A correction never depends on a record that waits for the
 * corrected one: neither could ever be sent. Nothing depends on a record in conflict: what it is about exists on the
 * server, and the conflict itself is never accepted.
 */
export function dependsOn(input: CaptureInput, open: OpRow[], supersedes: string | null): string[] {
  const mentionedIds = new Set<string>([input.agg[1]]);
  collectStrings(input.data, mentionedIds);
  const dependents = dependentsOf(open, supersedes);
  return open
    .filter((op) => op.supersededBy === null && op.state !== "conflict")
    .filter((op) => !dependents.has(op.op) && mentionedIds.has(op.agg[1]))
    .map((op) => op.op);
}

/** Return `first`, its earlier versions, and every record that depends on one of them, also indirectly. */
function dependentsOf(open: OpRow[], first: string | null): Set<string> {
  const ids = new Set<string>(first ? [first] : []);
  for (let before = -1; before !== ids.size; ) {
    before = ids.size;
    for (const op of open) {
      if (ids.has(op.op) && op.supersedes) ids.add(op.supersedes);
      if (op.depends.some((id) => ids.has(id))) ids.add(op.op);
    }
  }
  return ids;
}

function collectStrings(value: Json, into: Set<string>): void {
  if (typeof value === "string") into.add(value);
  else if (value !== null && typeof value === "object")
    for (const item of Object.values(value)) collectStrings(item, into);
}
