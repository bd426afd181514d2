/** What to send next, as a pure function over what lies on the phone. */

import { PARKED_MS } from "./backoff.ts";
import { utf8 } from "./bytes.ts";
import { isHeld } from "./hold.ts";
import { NEEDS_SESSION } from "./results.ts";
import type { AttachmentRow, OpRow } from "./user-db.ts";

export interface Plan {
  batch: OpRow[];
  held: OpRow[];
  photo: AttachmentRow | null;
  /** When the next thing falls due if nothing does now; null when there is nothing left to wait for. */
  wakeAt: number | null;
  /** Whether a record waits until its author signs in. */
  signIn: boolean;
}

export interface PlanInput {
  /** Every record not yet received, in order of capture. */
  open: OpRow[];
  photos: AttachmentRow[];
  /** Ids of records the server has: accepted or held. */
  received: ReadonlySet<string>;
  /** Photos that failed lately, and when they may go again. */
  photoNextAt: ReadonlyMap<string, number>;
  now: number;
  maxOps: number;
  maxBytes: number;
}

/** A time further off than we ever set one means that the clock was turned back. */
const NEVER_SET_MS = PARKED_MS * 1.5;

export function plan(input: PlanInput): Plan {
  const { open, now } = input;
  const due = (at: number) => at <= now || at - now > NEVER_SET_MS;
  const byId = new Map(open.map((op) => [op.op, op]));
  const batch: OpRow[] = [];
  const chosen = new Set<string>();
  const waits: number[] = [];
  let bytes = 16;
  for (const op of open) {
    if (op.supersededBy !== null || !isUnsent(op) || isBlocked(op, byId, chosen)) continue;
    if (isHeld(op, now)) {
      waits.push(op.holdUntil ?? 0);
      continue;
    }
    if (!due(op.nextAt)) {
      waits.push(op.nextAt);
      continue;
    }
    const size = utf8(JSON.stringify(op.body)).length + 1;
    // What follows may depend on what did not fit, so the batch ends here. One that is too large goes alone.
    if (batch.length > 0 && (batch.length >= input.maxOps || bytes + size > input.maxBytes)) break;
    batch.push(op);
    chosen.add(op.op);
    bytes += size;
  }
  const allHeld = open.filter((op) => op.state === "held" && op.supersededBy === null);
  const held = allHeld.filter((op) => due(op.nextAt)).slice(0, input.maxOps);
  waits.push(...allHeld.map((op) => op.nextAt));
  const photos = input.photos
    .filter((photo) => photo.op !== null && input.received.has(photo.op))
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  const nextAt = (photo: AttachmentRow) => input.photoNextAt.get(photo.id) ?? 0;
  const photo = photos.find((candidate) => due(nextAt(candidate))) ?? null;
  waits.push(...photos.map(nextAt));
  const signIn = open.some((op) => isUnsent(op) && op.supersededBy === null && op.lastError === NEEDS_SESSION);
  return { batch, held, photo, wakeAt: waits.length > 0 ? Math.min(...waits) : null, signIn };
}

function isUnsent(op: OpRow): boolean {
  return op.state === "saved" || op.state === "sending" || op.state === "parked";
}

/** A record waits only for those it depends on: refused, failing, or not yet part of this batch. */
function isBlocked(op: OpRow, byId: ReadonlyMap<string, OpRow>, chosen: ReadonlySet<string>): boolean {
  return op.depends.some((id) => {
    let on = byId.get(id);
    // A corrected record stands for the refused one.
    for (let i = 0; on?.supersededBy && i < 100; i++) on = byId.get(on.supersededBy);
    return on !== undefined && on.op !== op.op && on.state !== "held" && !chosen.has(on.op);
  });
}
