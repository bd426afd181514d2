import { all, one } from "./dom.ts";

/** A tap this soon after buttons moved was aimed at what stood there before. */
const AIMED = 350;

type Places = Map<string, number>;

function keyOf(button: Element): string {
  const form = button.closest<HTMLFormElement>("form[data-undo]");
  return form ? `${form.dataset.op} ${form.dataset.agg} ${button.textContent}` : "";
}

function places(): Places {
  const found: Places = new Map();
  for (const button of all(document, "form[data-undo] button")) {
    found.set(keyOf(button), button.getBoundingClientRect().top);
  }
  return found;
}

let before: Places = new Map();
let until = Number.NEGATIVE_INFINITY;

document.addEventListener(
  "click",
  (event) => {
    const button = event.target instanceof Element ? event.target.closest("form[data-undo] button") : null;
    if (!button || performance.now() > until) return;
    const was = before.get(keyOf(button));
    if (was !== undefined && Math.abs(was - button.getBoundingClientRect().top) < 8) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

/** What the person is looking at: the first card in view that is not decided yet, and where it stands. */
function firstInView(): { id: string; top: number } | null {
  for (const card of all(document, ".card[id]:not(:has(>.decided))")) {
    const { bottom, top } = card.getBoundingClientRect();
    if (bottom > 0 && top < innerHeight && one(card, "form[data-undo]")) return { id: card.id, top };
  }
  return null;
}

/** Makes a change of the page in which a decision's button may come to stand where another one stood. */
export async function guardMoves(change: () => unknown): Promise<void> {
  before = places();
  const seen = firstInView();
  await change();
  const now = seen && document.getElementById(seen.id);
  // Decided cards above the view are gone: what is in view stays where it is.
  if (now) scrollBy({ top: now.getBoundingClientRect().top - seen.top, behavior: "instant" });
  until = performance.now() + AIMED;
}
