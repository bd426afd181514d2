import type { Attachment, Draft, Link, Op, OpState } from "../engine/types.ts";
import type { Vars } from "./texts.ts";

export type Group = "attention" | "unsent" | "delivered" | "earlier";
export type Action = "correct" | "discard";

export const DAY_MS = 86_400_000;

/** Return the group of a record on the outbox page. `since` is the start of today. */
export function groupOf(op: Pick<Op, "state" | "receivedAt">, since = Number.NEGATIVE_INFINITY): Group {
  if (op.state === "rejected" || op.state === "conflict") return "attention";
  if (op.state !== "accepted") return "unsent";
  return (op.receivedAt ?? since) >= since ? "delivered" : "earlier";
}

/** Return what the author can do with a record; nothing while it is being sent. */
export function actionsFor(state: OpState): Action[] {
  if (state === "rejected" || state === "conflict") return ["correct", "discard"];
  return state === "saved" || state === "parked" ? ["discard"] : [];
}

/** Return the address of a draft's form. The hash names the draft, as the form of a newer page may have another key. */
export function reopenUrl(draft: Pick<Draft, "url" | "key">): string {
  const url = draft.url.split("#")[0] ?? "/";
  return `${url}#draft=${encodeURIComponent(draft.key)}`;
}

export interface Message {
  key: string;
  vars?: Vars;
}

/** Return the message for a record's state, including missing photos and a required sign-in. */
export function stateOf(
  op: Pick<Op, "state"> & Partial<Pick<Op, "lastError">>,
  photos: readonly Pick<Attachment, "state">[],
  link: Link,
): Message {
  const stored = photos.filter((photo) => photo.state === "stored").length;
  if (op.state === "accepted" && stored < photos.length) {
    return { key: "state.accepted_photos", vars: { n: stored, total: photos.length } };
  }
  const isWaiting = op.state === "saved" || op.state === "parked";
  const needsSignIn = link === "sign_in" || link === "wrong_user" || op.lastError === "session.needed";
  if (isWaiting && needsSignIn) return { key: "state.sign_in" };
  return { key: `state.${op.state}` };
}

type Waiting = Pick<Op, "state" | "depends" | "attempts" | "nextAt" | "lastError" | "result">;
type OpsById = ReadonlyMap<string, Pick<Op, "ref" | "state">>;

/** Return why a record is not received yet, if its state does not say it. */
export function reasonOf(op: Waiting, byId: OpsById, now: number, link: Link): Message | null {
  if (op.state === "held") return waitsFor(op.result?.needs ?? [], byId);
  if (op.state === "parked") return { key: "outbox.parked" };
  if (op.state !== "saved") return null;
  const blocker = op.depends.find(
    (id) => groupOf({ state: byId.get(id)?.state ?? "saved", receivedAt: null }) === "attention",
  );
  if (blocker) return { key: "outbox.waits_corrected", vars: { ref: byId.get(blocker)?.ref ?? "" } };
  if (op.lastError === "unsupported_schema") return { key: "outbox.waits_update" };
  if (op.lastError === "too_large") return { key: "outbox.too_large" };
  // Shown by the state.
  if (op.lastError === "session.needed") return null;
  if (op.lastError && op.nextAt > now) return { key: "outbox.server_trouble" };
  return op.attempts > 0 && link === "offline" ? { key: "outbox.no_signal" } : null;
}

function waitsFor(needs: readonly string[], byId: OpsById): Message | null {
  const refs = needs.map((id) => byId.get(id)?.ref ?? "").filter(Boolean);
  return refs.length > 0 ? { key: "outbox.waits_for", vars: { ref: refs.join(", ") } } : null;
}

/** Return what stops all records from being sent. */
export function obstacle(link: Link, oldest: number | null, now: number): "sign_in" | "foreign" | "old" | null {
  if (link === "sign_in" || link === "wrong_user") return "sign_in";
  if (link === "foreign") return "foreign";
  return oldest !== null && now - oldest > DAY_MS ? "old" : null;
}

/** Return the ids of records whose state text changed. */
export function changedIds(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...after].filter(([id, text]) => before.has(id) && before.get(id) !== text).map(([id]) => id);
}
