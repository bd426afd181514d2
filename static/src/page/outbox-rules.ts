import type { Attachment, Draft, Link, Op, OpState } from "../engine/types.ts";
import type { Vars } from "./texts.ts";

export type Group = "attention" | "unsent" | "delivered" | "earlier";
export type Action = "correct" | "discard";

export const DAY_MS = 86_400_000;

/** `since` is when today began on this phone. */
export function groupOf(op: Pick<Op, "state" | "receivedAt">, since = Number.NEGATIVE_INFINITY): Group {
  if (op.state === "rejected" || op.state === "conflict") return "attention";
  if (op.state !== "accepted") return "unsent";
  return (op.receivedAt ?? since) >= since ? "delivered" : "earlier";
}

/** What a person may do about a record; never while it is on its way. */
export function actionsFor(state: OpState): Action[] {
  if (state === "rejected" || state === "conflict") return ["correct", "discard"];
  return state === "saved" || state === "parked" ? ["discard"] : [];
}

/** The page a draft belongs to. The hash names the draft: the page may be of another age, and its form have another key. */
export function reopenUrl(draft: Pick<Draft, "url" | "key">): string {
  const url = draft.url.split("#")[0] ?? "/";
  return `${url}#draft=${encodeURIComponent(draft.key)}`;
}

export interface Said {
  key: string;
  vars?: Vars;
}

/** A record's state in words: photos that are still on the way, and a sign-in that everything waits for, count. */
export function stateOf(
  op: Pick<Op, "state"> & Partial<Pick<Op, "lastError">>,
  photos: readonly Pick<Attachment, "state">[],
  link: Link,
): Said {
  const here = photos.filter((photo) => photo.state === "stored").length;
  if (op.state === "accepted" && here < photos.length) {
    return { key: "state.accepted_photos", vars: { n: here, total: photos.length } };
  }
  const waits = op.state === "saved" || op.state === "parked";
  const asks = link === "sign_in" || link === "wrong_user" || op.lastError === "session.needed";
  if (waits && asks) return { key: "state.sign_in" };
  return { key: `state.${op.state}` };
}

type Waiting = Pick<Op, "state" | "depends" | "attempts" | "nextAt" | "lastError" | "result">;
type Known = ReadonlyMap<string, Pick<Op, "ref" | "state">>;

/** Why a record is not received yet, where there is more to say than its state. */
export function reasonOf(op: Waiting, known: Known, now: number, link: Link): Said | null {
  if (op.state === "held") return waitsFor(op.result?.needs ?? [], known);
  if (op.state === "parked") return { key: "outbox.parked" };
  if (op.state !== "saved") return null;
  const blocker = op.depends.find(
    (id) => groupOf({ state: known.get(id)?.state ?? "saved", receivedAt: null }) === "attention",
  );
  if (blocker) return { key: "outbox.waits_corrected", vars: { ref: known.get(blocker)?.ref ?? "" } };
  if (op.lastError === "unsupported_schema") return { key: "outbox.waits_update" };
  if (op.lastError === "too_large") return { key: "outbox.too_large" };
  // Its state says it.
  if (op.lastError === "session.needed") return null;
  if (op.lastError && op.nextAt > now) return { key: "outbox.server_trouble" };
  return op.attempts > 0 && link === "offline" ? { key: "outbox.no_signal" } : null;
}

function waitsFor(needs: readonly string[], known: Known): Said | null {
  const refs = needs.map((id) => known.get(id)?.ref ?? "").filter(Boolean);
  return refs.length > 0 ? { key: "outbox.waits_for", vars: { ref: refs.join(", ") } } : null;
}

/** What keeps everything from going, as a strip on top. */
export function obstacle(link: Link, oldest: number | null, now: number): "sign_in" | "foreign" | "old" | null {
  if (link === "sign_in" || link === "wrong_user") return "sign_in";
  if (link === "foreign") return "foreign";
  return oldest !== null && now - oldest > DAY_MS ? "old" : null;
}

/** What changed since somebody listened last: single records by name, many by number. */
export function newsOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...after].filter(([id, words]) => before.has(id) && before.get(id) !== words).map(([id]) => id);
}
