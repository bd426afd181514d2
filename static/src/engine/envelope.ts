/** The frozen envelope. Its key order is part of the format: the bytes are hashed, once, and never made again. */
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

/** The phone's clock is kept as it was, with what is known about its error; nobody is refused for a wrong clock. */
export function timestamp(now: number, tz: string, clock: Clock | undefined): Envelope["at"] {
  // Measured in the future means the clock was turned back since: the offset no longer applies.
  const known = clock !== undefined && now >= clock.at;
  return {
    utc: new Date(now).toISOString(),
    tz,
    offset_ms: known ? clock.offset : null,
    offset_age_s: known ? Math.round((now - clock.at) / 1000) : null,
  };
}

/**
 * Records of this phone that the new one speaks of and the server has not yet received. A correction waits for none
 * of those that wait for what it corrects: neither would ever go.
 */
export function dependsOn(input: CaptureInput, open: OpRow[], supersedes: string | null): string[] {
  const words = new Set<string>([input.agg[1]]);
  collect(input.data, words);
  const after = waitingFor(open, supersedes);
  return open.filter((op) => op.supersededBy === null && !after.has(op.op) && words.has(op.agg[1])).map((op) => op.op);
}

/** A record with its earlier versions, and everything that waits for one of them, however indirectly. */
function waitingFor(open: OpRow[], first: string | null): Set<string> {
  const found = new Set<string>(first ? [first] : []);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const op of open) {
      if (found.has(op.op) && op.supersedes) found.add(op.supersedes);
      if (op.depends.some((one) => found.has(one))) found.add(op.op);
    }
  }
  return found;
}

function collect(value: Json, into: Set<string>): void {
  if (typeof value === "string") into.add(value);
  else if (value !== null && typeof value === "object") for (const item of Object.values(value)) collect(item, into);
}
