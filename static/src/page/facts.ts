/**
 * What the server's pages state of a record, and what the records on this phone make of it (ADR 28). Nothing here
 * touches the DOM. `at` is the server's time as of which a page is true.
 */
import type { Draft, Json, JsonObject, Op } from "../engine/types.ts";
import { isReflected } from "./pending.ts";

export interface Fact {
  at: number;
  value: Json;
}

/** What stands in a form's place, and the record of this phone that is the reason. */
export interface Told {
  state: "sent" | "refused" | "received" | "over";
  op?: Op;
  /** The server's record that the sentence leads to. */
  record?: string;
}

export interface Verdict {
  /** The visit that the form is about now. */
  visit?: string;
  told?: Told;
  /** What this phone sent last of the same record: the form begins with it. */
  refill?: Op;
}

export function newest(...facts: (Fact | null | undefined)[]): Fact | null {
  let best: Fact | null = null;
  for (const fact of facts) if (fact && (!best || fact.at > best.at)) best = fact;
  return best;
}

function field(value: Json | undefined, name: string): string {
  const found = value && typeof value === "object" && !Array.isArray(value) ? value[name] : undefined;
  return typeof found === "string" ? found : "";
}

export function dataOf(op: Pick<Op, "body">): JsonObject {
  try {
    return (JSON.parse(op.body) as { data?: JsonObject }).data ?? {};
  } catch {
    return {};
  }
}

export function isRefused(op: Pick<Op, "state">): boolean {
  return op.state === "rejected" || op.state === "conflict";
}

/** Records of this phone that a page drawn at `at` does not show; newest first, as the engine lists them. */
function after(at: number, ops: readonly Op[], offset: number): Op[] {
  return ops.filter((op) => !isReflected(op, at, offset));
}

/** The report of a visit that waits on this phone or was received after the page was drawn. */
export function reportOn(visit: string, at: number, ops: readonly Op[], offset: number): Op | undefined {
  return after(at, ops, offset).find((op) => op.kind === "service_report.submit" && dataOf(op).visit_id === visit);
}

/**
 * The form of a report. `job` names the visit that is at hand, `due` the visit that wants a report and the one there is
 * of it; `drawn` is what the form itself names. `own` is the refused record that the form corrects.
 */
export function judgeReport(
  drawn: { visit: string; at: number },
  facts: { job?: Fact | null; due?: Fact | null },
  ops: readonly Op[],
  offset: number,
  own: string | null = null,
): Verdict {
  const { job = null, due = null } = facts;
  // Pages state both; of the same age, `due` is the more exact one.
  const latest = newest(due, job);
  const isNewer = latest !== null && latest.at > drawn.at;
  const visit = (isNewer && field(latest.value, "visit")) || drawn.visit;
  const at = isNewer ? latest.at : drawn.at;
  const op = reportOn(visit, at, ops, offset);
  if (op && op.op !== own) return { visit, told: { state: isRefused(op) ? "refused" : "sent", op } };
  if (due && due.at > drawn.at && field(due.value, "visit") === visit) {
    const record = field(due.value, "report");
    if (record)
      return { visit, told: { state: field(due.value, "state") === "accepted" ? "over" : "received", record } };
  }
  return { visit };
}

/** What a form says of itself; `key` is the one of its drafts. */
export interface Kept {
  key: string;
  kind: string;
  /** `type:id` where the form changes a record. */
  agg: string | undefined;
  /** The address of its page. */
  url: string;
}

/**
 * The open draft that was typed into another copy of this form. Keys name the visit or the version of which a page was
 * drawn, and the copy that is shown next may be older or newer. Drafts come newest first; `asked` was chosen by hand.
 */
export function draftOfCopy(form: Kept, drafts: readonly Draft[], asked: string | null = null): Draft | undefined {
  const open = drafts.filter(({ state }) => state === "open");
  const type = (kind: string) => kind.slice(0, kind.indexOf("."));
  const isHere = (draft: Draft) => draft.url === form.url && type(draft.kind) === type(form.kind);
  // A report that was begun, and corrects by now the one that was sent from elsewhere: only if its author wants that.
  const chosen = open.find(({ key }) => key === asked);
  if (chosen && chosen.kind !== form.kind && chosen.kind.endsWith(".submit") && form.agg && isHere(chosen))
    return chosen;
  if (open.some(({ key }) => key === form.key)) return undefined;
  const id = form.agg?.slice(form.agg.indexOf(":") + 1);
  return open.find(
    (draft) =>
      draft.kind === form.kind &&
      // One that came back while its place was taken has a place of its own in the outbox.
      !draft.key.startsWith("op:") &&
      (id ? draft.key.startsWith(`${form.kind}:${id}:`) : isHere(draft)),
  );
}

/** Commands after which a record of this phone is not what the form was drawn from. */
const CHANGES = /\.(?:resubmit|submit|withdraw|discard)$/;

/**
 * The form that changes a record: sent already from this phone, or changed on the server since it was drawn. With
 * `again` it may be sent once more, beginning with what was sent last.
 */
export function judgeRecord(
  key: string,
  drawn: Fact,
  kept: Fact | null,
  ops: readonly Op[],
  offset: number,
  own: string | null = null,
  again = false,
): Verdict {
  const record = key.slice(key.indexOf(":") + 1);
  const latest = newest(drawn, kept) ?? drawn;
  for (const op of after(latest.at, ops, offset)) {
    if (op.op === own) continue;
    const isOwn = op.agg.join(":") === key && CHANGES.test(op.kind);
    const isClaimed = op.kind === "expense_claim.submit" && !isRefused(op) && itemsOf(op).includes(record);
    if (!isOwn && !isClaimed) continue;
    if (isRefused(op)) return { told: { state: "refused", op } };
    return isOwn && again && op.kind.endsWith(".resubmit") ? { refill: op } : { told: { state: "sent", op } };
  }
  const changed = latest !== drawn && field(latest.value, "state") !== field(drawn.value, "state");
  return changed ? { told: { state: "over", record } } : {};
}

export interface Item {
  id: string;
  title: string;
  about: string;
  amount: string;
}

function itemsOf(op: Op): string[] {
  const { items } = dataOf(op);
  return Array.isArray(items) ? items.filter((one): one is string => typeof one === "string") : [];
}

export interface Free {
  /** What the newest page lists. */
  items: Item[];
  /** In a claim that waits on this phone or was received since, or thrown away. */
  taken: Set<string>;
  /** In a claim that came back to be corrected. */
  refused: Set<string>;
  /** Captured on this phone, received before the newest page was made, and not listed by it. */
  gone: Set<string>;
  /** Amounts that were corrected since. */
  amounts: Map<string, string>;
}

/** The expenses a claim can be made of. `own` is the refused claim that the form corrects. */
export function freeItems(latest: Fact, ops: readonly Op[], offset: number, own: string | null = null): Free {
  const items = Array.isArray(latest.value) ? (latest.value as unknown as Item[]) : [];
  const free: Free = { items, taken: new Set(), refused: new Set(), gone: new Set(), amounts: new Map() };
  const listed = new Set(items.map(({ id }) => id));
  for (const op of ops) {
    const isKnown = op.kind === "expense_item.capture" && isReflected(op, latest.at, offset);
    if (isKnown && !listed.has(op.agg[1])) free.gone.add(op.agg[1]);
  }
  for (const op of after(latest.at, ops, offset)) {
    const { kind } = op;
    if (op.op === own) continue;
    if (kind === "expense_claim.submit")
      for (const id of itemsOf(op)) (isRefused(op) ? free.refused : free.taken).add(id);
    else if (kind === "expense_item.discard" && !isRefused(op)) free.taken.add(op.agg[1]);
    else if (kind === "expense_item.resubmit" && !isRefused(op) && !free.amounts.has(op.agg[1])) {
      const { amount } = dataOf(op);
      if (typeof amount === "string") free.amounts.set(op.agg[1], amount);
    }
  }
  return free;
}

export interface Claimed {
  /** Expenses in a claim that waits on this phone or was received since. */
  taken: Set<string>;
  /** What those not claimed come to. */
  total: string;
  /** By record, what a claim comes to; none where an amount is not known here. */
  sums: Map<string, string>;
}

/** What the claims on this phone make of the list of open expenses. */
export function claimedOf(latest: Fact, ops: readonly Op[], offset: number): Claimed {
  const free = freeItems(latest, ops, offset);
  const amounts = new Map<string, string>();
  for (const op of ops) {
    const { amount } = dataOf(op);
    if (op.kind === "expense_item.capture" && typeof amount === "string") amounts.set(op.agg[1], amount);
  }
  for (const { id, amount } of free.items) amounts.set(id, amount);
  for (const [id, amount] of free.amounts) amounts.set(id, amount);
  const sum = (ids: string[]) => yuan(ids.reduce((total, id) => total + fen(amounts.get(id) ?? ""), 0));
  const open = free.items.filter(({ id }) => !free.taken.has(id)).map(({ id }) => id);
  const claimed: Claimed = { taken: new Set(), total: sum(open), sums: new Map() };
  for (const op of after(latest.at, ops, offset)) {
    if (op.kind !== "expense_claim.submit") continue;
    const ids = itemsOf(op);
    if (ids.every((id) => amounts.has(id))) claimed.sums.set(op.op, sum(ids));
    if (!isRefused(op)) for (const id of ids) claimed.taken.add(id);
  }
  return claimed;
}

/** Amounts in fen: `1,234.50` and `12` alike; what is no amount counts nothing. */
export function fen(amount: string): number {
  return Math.round(Number(amount.replaceAll(",", "").trim()) * 100) || 0;
}

export function yuan(fenTotal: number): string {
  const [whole = "0", part = "00"] = (fenTotal / 100).toFixed(2).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${part}`;
}
