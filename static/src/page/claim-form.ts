/** The claim form lists what is free by all this phone knows, and its total follows what is ticked (ADR 28). */
import type { Engine, Op } from "../engine/types.ts";
import { all, hide, one } from "./dom.ts";
import { stateOf, touch } from "./draft.ts";
import { factsOf, statedIn } from "./fact-store.ts";
import { claimedOf, type Fact, type Free, fen, freeItems, type Item, newest, yuan } from "./facts.ts";

const listed = new WeakMap<HTMLFormElement, Fact>();

const boxOf = (row: HTMLElement) => one<HTMLInputElement>(row, 'input[name="items[]"]');

function addUp(form: HTMLFormElement): void {
  const total = one(form, "[data-chosen-total]");
  if (!total) return;
  let sum = 0;
  for (const row of all(form, "[data-item]")) {
    const box = boxOf(row);
    if (box?.checked && !box.disabled) sum += fen(one(row, "[data-amount]")?.textContent ?? "");
  }
  total.textContent = yuan(sum);
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
 * What cannot be claimed here is not there: neither seen nor sent. `chosen` is what a claim that came back had named:
 * what of it is not free any more is told.
 */
function show(form: HTMLFormElement, free: Free, drawn: ReadonlySet<string>, chosen: readonly string[]): void {
  const names = new Set(free.items.map((item) => item.id));
  const rows = all(form, "[data-item]").flatMap((row) => {
    const box = boxOf(row);
    return box ? [{ row, box, id: box.value, isPending: row.hasAttribute("data-pending-clone") }] : [];
  });
  const received = new Set(rows.filter(({ isPending }) => !isPending).map(({ id }) => id));
  const offered = new Set<string>();
  for (const { row, box, id, isPending } of rows) {
    // A row of the returned claim stays, though no list of free expenses has it. A row drawn from this phone's own
    // record goes once the newest page knows that record and does not list it.
    const gone = isPending ? received.has(id) || free.gone.has(id) : drawn.has(id) && !names.has(id);
    const off = gone || free.taken.has(id);
    row.hidden = box.disabled = off;
    if (!off) offered.add(id);
    // It waits in a claim that came back: in another one it would be missing there.
    if (free.refused.has(id) && box.dataset.byHand === undefined) box.checked = false;
    const amount = free.amounts.get(id);
    const shown = one(row, "[data-amount]");
    if (amount && shown) shown.textContent = yuan(fen(amount));
  }
  hide(one(form, "[data-none]"), offered.size > 0);
  hide(one(form, ".dock"), offered.size === 0);
  const note = one(form, "[data-left-out]");
  if (note) note.hidden = chosen.every((id) => offered.has(id));
  addUp(form);
}

/** The list of open expenses: what a claim on this phone names has left it, and that claim says what it comes to. */
export function reviewOpen(ops: readonly Op[], offset: number): void {
  const list = document.getElementById("open-items");
  const latest = list && statedIn(document).get("free");
  if (!latest) return;
  const { taken, total, sums } = claimedOf(latest, ops, offset);
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

const drawnIn = new WeakMap<HTMLFormElement, ReadonlySet<string>>();

function idsOf(fact: Fact | undefined): Set<string> {
  return new Set(Array.isArray(fact?.value) ? (fact.value as unknown as Item[]).map((item) => item.id) : []);
}

export async function bringUpClaim(
  form: HTMLFormElement,
  engine: Engine,
  ops: readonly Op[],
  offset: number,
): Promise<void> {
  const drawn = statedIn(document).get("free");
  const kept = (await factsOf(engine.userId, ["free"])).get("free");
  const latest = newest(drawn, kept);
  if (!latest) return;
  listed.set(form, latest);
  drawnIn.set(form, idsOf(drawn));
  const list = one(form, "#claim-items");
  const there = new Set(all(form, "[data-item]").map((row) => boxOf(row)?.value));
  for (const item of freeItems(latest, ops, offset).items) {
    const row = there.has(item.id) ? null : rowFor(form, item);
    // In a claim that is sent again, further expenses are added on purpose.
    const box = row && boxOf(row);
    if (box && form.dataset.agg) box.checked = box.defaultChecked = false;
    if (row) list?.append(row);
  }
  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box instanceof HTMLInputElement && box.name === "items[]") box.dataset.byHand = "";
    addUp(form);
    const state = stateOf(form);
    if (state) touch(state);
  });
  reviewClaim(form, ops, offset);
}

/** After every drawing: pieces of what is still on the phone came or went. */
export function reviewClaim(form: HTMLFormElement, ops: readonly Op[], offset: number): void {
  const latest = listed.get(form);
  if (!latest) return;
  const state = stateOf(form);
  const own = state?.supersedes ?? form.dataset.supersedes ?? null;
  const named = own ? ops.find((op) => op.op === own)?.fields["items[]"] : undefined;
  const chosen = Array.isArray(named) ? named : [];
  if (own) tickAsBefore(form, chosen);
  show(form, freeItems(latest, ops, offset, own), drawnIn.get(form) ?? new Set(), chosen);
}

/** Pieces of expenses still on the phone come after the draft of a claim that came back: it has ticked what it named. */
function tickAsBefore(form: HTMLFormElement, chosen: readonly string[]): void {
  for (const row of all(form, "[data-item][data-pending-clone]")) {
    const box = boxOf(row);
    if (box && box.dataset.byHand === undefined) box.checked = chosen.includes(box.value);
  }
}
