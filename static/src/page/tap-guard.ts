import { all, one } from "./dom.ts";

/** For this many ms after buttons moved a tap is assumed to be aimed at the button that was there before. */
const GUARD_MS = 350;

type Positions = Map<string, number>;

function keyOf(button: Element): string {
  const form = button.closest<HTMLFormElement>("form[data-undo]");
  return form ? `${form.dataset.op} ${form.dataset.agg} ${button.textContent}` : "";
}

function buttonPositions(): Positions {
  const positions: Positions = new Map();
  for (const button of all(document, "form[data-undo] button")) {
    positions.set(keyOf(button), button.getBoundingClientRect().top);
  }
  return positions;
}

let before: Positions = new Map();
let until = Number.NEGATIVE_INFINITY;

document.addEventListener(
  "click",
  (event) => {
    const button = event.target instanceof Element ? event.target.closest("form[data-undo] button") : null;
    if (!button || performance.now() > until) return;
    const earlierTop = before.get(keyOf(button));
    if (earlierTop !== undefined && Math.abs(earlierTop - button.getBoundingClientRect().top) < 8) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

/** Return the first undecided card in view and its position. */
function firstInView(): { id: string; top: number } | null {
  for (const card of all(document, ".card[id]:not(:has(>.decided))")) {
    const { bottom, top } = card.getBoundingClientRect();
    if (bottom > 0 && top < innerHeight && one(card, "form[data-undo]")) return { id: card.id, top };
  }
  return null;
}

/** Change the page with `change`, then block taps on decision buttons that moved and keep the scroll position. */
export async function guardTaps(change: () => unknown): Promise<void> {
  before = buttonPositions();
  const seen = firstInView();
  await change();
  const now = seen && document.getElementById(seen.id);
  // Cards above the view are gone: scroll so that the card in view stays in place.
  if (now) scrollBy({ top: now.getBoundingClientRect().top - seen.top, behavior: "instant" });
  until = performance.now() + GUARD_MS;
}
