/**
 * Decide from facts on the server's pages and the records on this phone whether a form is up to date (ADR 28). No DOM.
 * `at` is a page's rendering time by the server's clock.
 */
import type { Draft, Json, JsonObject, Op } from "../engine/types.ts";
import { isReflected } from "./pending.ts";

export interface Fact {
  at: number;
  value: Json;
}

/** Notice shown instead of a form, and the record on this phone that causes it. */
export interface Notice {
  state: "sent" | "refused" | "received" | "over";
  op?: Op;
  /** Id of the server's record that the notice links to. */
  record?: string;
}

export interface Assessment {
  /** The visit that the form must be about. */
  visit?: string;
  notice?: Notice;
  /** Latest operation of this phone on the same record, to prefill the form with. */
  refill?: Op;
}

export function newest(...facts: (Fact | null | undefined)[]): Fact | null {
  let best: Fact | null = null;
  for (const fact of facts) if (fact && (!best || fact.at > best.at)) best = fact;
  return best;
}

function textField(value: Json | undefined, name: string): string {
  const text = value && typeof value === "object" && !Array.isArray(value) ? value[name] : undefined;
  return typeof text === "string" ? text : "";
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

/** Return the records of this phone that a page rendered at `at` does not reflect, newest first. */
function unreflectedOps(at: number, ops: readonly Op[], offset: number): Op[] {
  return ops.filter((op) => !isReflected(op, at, offset));
}

/** Return a report of the visit that is pending or was received after the page was rendered. */
export function reportOn(visit: string, at: number, ops: readonly Op[], offset: number): Op | undefined {
  return unreflectedOps(at, ops, offset).find(
    (op) => op.kind === "service_report.submit" && dataOf(op).visit_id === visit,
  );
}

/**
 * Assess the form of a report. `onForm` is the visit the form names; fact `job` names the job's current visit, `due` the
 * visit that needs a report and its report. `correctedOp` is the refused record that the form corrects.
 */
export function assessReport(
  onForm: { visit: string; at: number },
  facts: { job?: Fact | null; due?: Fact | null },
  ops: readonly Op[],
  offset: number,
  correctedOp: string | null = null,
): Assessment {
  const { job = null, due = null } = facts;
  // If both have the same age, `due` is more exact.
  const latest = newest(due, job);
  const isNewer = latest !== null && latest.at > onForm.at;
  const visit = (isNewer && textField(latest.value, "visit")) || onForm.visit;
  const at = isNewer ? latest.at : onForm.at;
  const op = reportOn(visit, at, ops, offset);
  if (op && op.op !== correctedOp) return { visit, notice: { state: isRefused(op) ? "refused" : "sent", op } };
  if (due && due.at > onForm.at && textField(due.value, "visit") === visit) {
    const record = textField(due.value, "report");
    if (record)
      return { visit, notice: { state: textField(due.value, "state") === "accepted" ? "over" : "received", record } };
  }
  return { visit };
}

/** What identifies a form. `key` is the key of its draft. */
export interface FormIdentity {
  key: string;
  kind: string;
  /** `type:id` where the form changes a record. */
  agg: string | undefined;
  /** The address of its page. */
  url: string;
}

/**
 * Return the open draft of an older or newer copy of this form: a key contains the visit or version that the page was
 * rendered for. `drafts` are newest first; `asked` is the key of a draft chosen from a list.
 */
export function findDraftOfCopy(
  form: FormIdentity,
  drafts: readonly Draft[],
  chosenKey: string | null = null,
): Draft | undefined {
  const open = drafts.filter(({ state }) => state === "open");
  const type = (kind: string) => kind.slice(0, kind.indexOf("."));
  const isHere = (draft: Draft) => draft.url === form.url && type(draft.kind) === type(form.kind);
  // A draft of a new report becomes a correction of the received one only if its author chose it.
  const chosen = open.find(({ key }) => key === chosenKey);
  if (chosen && chosen.kind !== form.kind && chosen.kind.endsWith(".submit") && form.agg && isHere(chosen))
    return chosen;
  if (open.some(({ key }) => key === form.key)) return undefined;
  const id = form.agg?.slice(form.agg.indexOf(":") + 1);
  return open.find(
    (draft) =>
      draft.kind === form.kind &&
      // Drafts under `op:` keys are opened from the outbox.
      !draft.key.startsWith("op:") &&
      (id ? draft.key.startsWith(`${form.kind}:${id}:`) : isHere(draft)),
  );
}

/** Commands that change the record a form was rendered from. */
const CHANGES = /\.(?:resubmit|submit|withdraw|discard)$/;

/**
 * Assess a form that changes a record: was it submitted from this phone, or the record changed since it was rendered? With
 * `mayBeSentAgain` it can be submitted once more, prefilled with the last submission.
 */
export function assessRecord(
  key: string,
  onForm: Fact,
  onPhone: Fact | null,
  ops: readonly Op[],
  offset: number,
  correctedOp: string | null = null,
  mayBeSentAgain = false,
): Assessment {
  const record = key.slice(key.indexOf(":") + 1);
  const latest = newest(onForm, onPhone) ?? onForm;
  for (const op of unreflectedOps(latest.at, ops, offset)) {
    if (op.op === correctedOp) continue;
    const isOwn = op.agg.join(":") === key && CHANGES.test(op.kind);
    const isClaimed = op.kind === "expense_claim.submit" && !isRefused(op) && itemsOf(op).includes(record);
    if (!isOwn && !isClaimed) continue;
    if (isRefused(op)) return { notice: { state: "refused", op } };
    return isOwn && mayBeSentAgain && op.kind.endsWith(".resubmit")
      ? { refill: op }
      : { notice: { state: "sent", op } };
  }
  const changed = latest !== onForm && textField(latest.value, "state") !== textField(onForm.value, "state");
  return changed ? { notice: { state: "over", record } } : {};
}

export interface Item {
  id: string;
  title: string;
  about: string;
  amount: string;
}

function itemsOf(op: Op): string[] {
  const { items } = dataOf(op);
  return Array.isArray(items) ? items.filter((item): item is string => typeof item === "string") : [];
}

export interface FreeItems {
  /** Items on the newest page. */
  items: Item[];
  /** In a claim that is pending or was received since, or discarded. */
  taken: Set<string>;
  /** In a refused claim. */
  refused: Set<string>;
  /** Captured on this phone, received before the newest page was made, and not listed by it. */
  gone: Set<string>;
  /** Amounts corrected since. */
  amounts: Map<string, string>;
}

/** Return the expenses that can be claimed. `correctedOp` is the refused claim that the form corrects. */
export function freeItems(
  latest: Fact,
  ops: readonly Op[],
  offset: number,
  correctedOp: string | null = null,
): FreeItems {
  const items = Array.isArray(latest.value) ? (latest.value as unknown as Item[]) : [];
  const free: FreeItems = { items, taken: new Set(), refused: new Set(), gone: new Set(), amounts: new Map() };
  const listed = new Set(items.map(({ id }) => id));
  for (const op of ops) {
    const isReflectedCapture = op.kind === "expense_item.capture" && isReflected(op, latest.at, offset);
    if (isReflectedCapture && !listed.has(op.agg[1])) free.gone.add(op.agg[1]);
  }
  for (const op of unreflectedOps(latest.at, ops, offset)) {
    const { kind } = op;
    if (op.op === correctedOp) continue;
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

export interface ClaimSummary {
  /** Expenses in a claim that is pending or was received since. */
  taken: Set<string>;
  /** Total of the unclaimed expenses. */
  total: string;
  /** Total of each claim by operation id; missing if an amount is unknown here. */
  sums: Map<string, string>;
}

/** Apply the claims on this phone to the list of open expenses. */
export function summarizeClaims(latest: Fact, ops: readonly Op[], offset: number): ClaimSummary {
  const free = freeItems(latest, ops, offset);
  const amounts = new Map<string, string>();
  for (const op of ops) {
    const { amount } = dataOf(op);
    if (op.kind === "expense_item.capture" && typeof amount === "string") amounts.set(op.agg[1], amount);
  }
  for (const { id, amount } of free.items) amounts.set(id, amount);
  for (const [id, amount] of free.amounts) amounts.set(id, amount);
  const sum = (ids: string[]) => formatYuan(ids.reduce((total, id) => total + toFen(amounts.get(id) ?? ""), 0));
  const open = free.items.filter(({ id }) => !free.taken.has(id)).map(({ id }) => id);
  const summary: ClaimSummary = { taken: new Set(), total: sum(open), sums: new Map() };
  for (const op of unreflectedOps(latest.at, ops, offset)) {
    if (op.kind !== "expense_claim.submit") continue;
    const ids = itemsOf(op);
    if (ids.every((id) => amounts.has(id))) summary.sums.set(op.op, sum(ids));
    if (!isRefused(op)) for (const id of ids) summary.taken.add(id);
  }
  return summary;
}

/** Parse an amount such as `1,234.50` or `12` to fen; 0 if it is no number. */
export function toFen(amount: string): number {
  return Math.round(Number(amount.replaceAll(",", "").trim()) * 100) || 0;
}

export function formatYuan(total: number): string {
  const [whole = "0", part = "00"] = (total / 100).toFixed(2).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${part}`;
}
