/** Choose what to send next, as a pure function of what is stored. */

import { PARKED_MS } from "./backoff.ts";
import { utf8 } from "./bytes.ts";
import { isHeld } from "./hold.ts";
import { NEEDS_SESSION } from "./results.ts";
import type { AttachmentRow, OpRow } from "./user-db.ts";

export interface Plan {
  batch: OpRow[];
  held: OpRow[];
  photo: AttachmentRow | null;
  /** When the next record or photo is due; null when nothing waits. */
  wakeAt: number | null;
  /** A record waits until its author signs in. */
  signIn: boolean;
}

export interface PlanInput {
  /** Unreceived records in order of capture. */
  open: OpRow[];
  photos: AttachmentRow[];
  /** Ids of accepted or held records. */
  received: ReadonlySet<string>;
  /** When photos that failed may be tried again, by id. */
  photoNextAt: ReadonlyMap<string, number>;
  now: number;
  maxOps: number;
  maxBytes: number;
}

/** Longest delay that is ever set. A later time means that the clock was set back. */
const MAX_DELAY_MS = PARKED_MS * 1.5;

export function planTurn(input: PlanInput): Plan {
  const { open, now } = input;
  const isDue = (at: number) => at <= now || at - now > MAX_DELAY_MS;
  const byId = new Map(open.map((op) => [op.op, op]));
  const batch: OpRow[] = [];
  const chosen = new Set<string>();
  const wakeTimes: number[] = [];
  let bytes = 16;
  for (const op of open) {
    if (op.supersededBy !== null || !isUnsent(op) || isBlocked(op, byId, chosen)) continue;
    if (isHeld(op, now)) {
      wakeTimes.push(op.holdUntil ?? 0);
      continue;
    }
    if (!isDue(op.nextAt)) {
      wakeTimes.push(op.nextAt);
      continue;
    }
    const size = utf8(JSON.stringify(op.body)).length + 1;
    // Later records may depend on this one, so the batch ends here. A record over the limit is sent alone.
    if (batch.length > 0 && (batch.length >= input.maxOps || bytes + size > input.maxBytes)) break;
    batch.push(op);
    chosen.add(op.op);
    bytes += size;
  }
  const allHeld = open.filter((op) => op.state === "held" && op.supersededBy === null);
  const held = allHeld.filter((op) => isDue(op.nextAt)).slice(0, input.maxOps);
  wakeTimes.push(...allHeld.map((op) => op.nextAt));
  const photos = input.photos
    .filter((photo) => photo.op !== null && input.received.has(photo.op))
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  const nextAt = (photo: AttachmentRow) => input.photoNextAt.get(photo.id) ?? 0;
  const photo = photos.find((candidate) => isDue(nextAt(candidate))) ?? null;
  wakeTimes.push(...photos.map(nextAt));
  const signIn = open.some((op) => isUnsent(op) && op.supersededBy === null && op.lastError === NEEDS_SESSION);
  return { batch, held, photo, wakeAt: wakeTimes.length > 0 ? Math.min(...wakeTimes) : null, signIn };
}

function isUnsent(op: OpRow): boolean {
  return op.state === "saved" || op.state === "sending" || op.state === "parked";
}

/** Return whether a record that this one depends on is neither received nor earlier in this batch. */
function isBlocked(op: OpRow, byId: ReadonlyMap<string, OpRow>, chosen: ReadonlySet<string>): boolean {
  return op.depends.some((id) => {
    let on = byId.get(id);
    // Follow corrections to the latest version.
    for (let i = 0; on?.supersededBy && i < 100; i++) on = byId.get(on.supersededBy);
    return on !== undefined && on.op !== op.op && on.state !== "held" && !chosen.has(on.op);
  });
}
