/** Claim form: list the expenses that are free as far as this phone knows, and total the ticked ones (ADR 28). */
import type { Engine, Op } from "../engine/types.ts";
import { all, hide, one } from "./dom.ts";
import { markChanged, stateOf } from "./draft.ts";
import { factsIn, loadFacts } from "./fact-store.ts";
import {
  type Fact,
  type FreeItems,
  formatYuan,
  freeItems,
  type Item,
  newest,
  summarizeClaims,
  toFen,
} from "./facts.ts";

const latestFacts = new WeakMap<HTMLFormElement, Fact>();

const boxOf = (row: HTMLElement) => one<HTMLInputElement>(row, 'input[name="items[]"]');

function updateTotal(form: HTMLFormElement): void {
  const total = one(form, "[data-chosen-total]");
  if (!total) return;
  let sum = 0;
  for (const row of all(form, "[data-item]")) {
    const box = boxOf(row);
    if (box?.checked && !box.disabled) sum += toFen(one(row, "[data-amount]")?.textContent ?? "");
  }
  total.textContent = formatYuan(sum);
}

function rowFor(form: HTMLFormElement, item: Item): HTMLElement | null {
  const template = one<HTMLTemplateElement>(form, "template[data-free-row]");
  const row = template && (document.importNode(template.content, true).firstElementChild as HTMLElement | null);
  const box = row && boxOf(row);
  if (!row || !box) return null;
  box.value = item.id;
  for (const slot of all(row, "[data-slot]")) slot.textContent = item[slot.dataset.slot as "title" | "about"];
  const amount = one(row, "[data-amount]");
  if (amount) amount.textContent = item.amount;
  return row;
}

/**
 * Hide and disable expenses that cannot be claimed. `chosen` are the expenses of the returned claim; a note says if one
 * of them is not free any more.
 */
function showItems(
  form: HTMLFormElement,
  free: FreeItems,
  onPage: ReadonlySet<string>,
  chosen: readonly string[],
): void {
  const names = new Set(free.items.map((item) => item.id));
  const rows = all(form, "[data-item]").flatMap((row) => {
    const box = boxOf(row);
    return box ? [{ row, box, id: box.value, isPending: row.hasAttribute("data-pending-clone") }] : [];
  });
  const received = new Set(rows.filter(({ isPending }) => !isPending).map(({ id }) => id));
  const offered = new Set<string>();
  for (const { row, box, id, isPending } of rows) {
    // Keep rows of the returned claim, which no list of free expenses contains. Remove a row of this phone's own record
    // once the newest page reflects that record and does not list it.
    const isGone = isPending ? received.has(id) || free.gone.has(id) : onPage.has(id) && !names.has(id);
    const isHidden = isGone || free.taken.has(id);
    row.hidden = box.disabled = isHidden;
    if (!isHidden) offered.add(id);
    // It belongs to a returned claim and would be missing there.
    if (free.refused.has(id) && box.dataset.byHand === undefined) box.checked = false;
    const amount = free.amounts.get(id);
    const shown = one(row, "[data-amount]");
    if (amount && shown) shown.textContent = formatYuan(toFen(amount));
  }
  hide(one(form, "[data-none]"), offered.size > 0);
  hide(one(form, ".dock"), offered.size === 0);
  const note = one(form, "[data-left-out]");
  if (note) note.hidden = chosen.every((id) => offered.has(id));
  updateTotal(form);
}

/** List of open expenses: hide those in a claim on this phone and show each claim's total. */
export function updateOpenItems(ops: readonly Op[], offset: number): void {
  const list = document.getElementById("open-items");
  const latest = list && factsIn(document).get("free");
  if (!latest) return;
  const { taken, total, sums } = summarizeClaims(latest, ops, offset);
  const rows = all(list, ":scope>li:not([data-none])");
  for (const row of rows) {
    const { pendingClone } = row.dataset;
    const id = pendingClone ? ops.find((op) => op.op === pendingClone)?.agg[1] : row.id.replace("item-", "");
    row.hidden = taken.has(id ?? "");
  }
  hide(one(list, "[data-none]"), !rows.every((row) => row.hidden));
  const open = one(document, "[data-open-total]");
  if (open) open.textContent = total;
  for (const [op, sum] of sums) {
    const slot = one(document, `[data-pending-clone="${op}"] [data-claimed]`);
    if (slot) slot.textContent = `¥ ${sum}`;
  }
}

const itemsOnPage = new WeakMap<HTMLFormElement, ReadonlySet<string>>();

function idsOf(fact: Fact | undefined): Set<string> {
  return new Set(Array.isArray(fact?.value) ? (fact.value as unknown as Item[]).map((item) => item.id) : []);
}

export async function prepareClaimForm(
  form: HTMLFormElement,
  engine: Engine,
  ops: readonly Op[],
  offset: number,
): Promise<void> {
  const onPage = factsIn(document).get("free");
  const onPhone = (await loadFacts(engine.userId, ["free"])).get("free");
  const latest = newest(onPage, onPhone);
  if (!latest) return;
  latestFacts.set(form, latest);
  itemsOnPage.set(form, idsOf(onPage));
  const list = one(form, "#claim-items");
  const listedIds = new Set(all(form, "[data-item]").map((row) => boxOf(row)?.value));
  for (const item of freeItems(latest, ops, offset).items) {
    const row = listedIds.has(item.id) ? null : rowFor(form, item);
    // In a returned claim new expenses start unticked.
    const box = row && boxOf(row);
    if (box && form.dataset.agg) box.checked = box.defaultChecked = false;
    if (row) list?.append(row);
  }
  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box instanceof HTMLInputElement && box.name === "items[]") box.dataset.byHand = "";
    updateTotal(form);
    const state = stateOf(form);
    if (state) markChanged(state);
  });
  updateClaimForm(form, ops, offset);
}

/** Update the rows after every rendering, which may add or remove pending expenses. */
export function updateClaimForm(form: HTMLFormElement, ops: readonly Op[], offset: number): void {
  const latest = latestFacts.get(form);
  if (!latest) return;
  const state = stateOf(form);
  const correctedOp = state?.supersedes ?? form.dataset.supersedes ?? null;
  const claimedItems = correctedOp ? ops.find((op) => op.op === correctedOp)?.fields["items[]"] : undefined;
  const chosen = Array.isArray(claimedItems) ? claimedItems : [];
  if (correctedOp) restoreTicks(form, chosen);
  showItems(form, freeItems(latest, ops, offset, correctedOp), itemsOnPage.get(form) ?? new Set(), chosen);
}

/** Tick pending expenses of a returned claim: their rows are added after its draft was loaded. */
function restoreTicks(form: HTMLFormElement, chosen: readonly string[]): void {
  for (const row of all(form, "[data-item][data-pending-clone]")) {
    const box = boxOf(row);
    if (box && box.dataset.byHand === undefined) box.checked = chosen.includes(box.value);
  }
}
