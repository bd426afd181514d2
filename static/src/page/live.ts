import htmx from "htmx.org";
import type { Counts, HelloInfo, Op, RunningEngine } from "../engine/types.ts";
import { anyDirty } from "./dirty.ts";
import { all, isControl } from "./dom.ts";
import { settle } from "./draft.ts";
import { isReflected, renderedAt } from "./pending.ts";
import { isLeaving, isTouched, untouched } from "./touch.ts";

/** The page shows what the server knew when it was asked for; `performance.timeOrigin` goes wrong as a phone sleeps. */
const asked = Date.now() - performance.now();

/** Received records that this page was refreshed for, or that it shows already. */
const handled = new Set<string>();

/**
 * Records that were received after this page was asked for, each once. Decided by times and not by what an earlier look
 * saw: a record is often received between the page's making and its first look.
 */
function newlyReceived(ops: readonly Op[], hello: HelloInfo | null): Op[] {
  const now = Date.now();
  const rendered = renderedAt(null);
  const received = ops.filter((op) => {
    if (op.state !== "accepted" || handled.has(op.op)) return false;
    const at = op.receivedAt ?? 0;
    // A time to come is from before the clock was set back: it would be newer than every page.
    if (at >= asked && at <= now) return true;
    // An hour may lie between the phone's clock and the server's: only with the measured one they are compared.
    return hello !== null && !isReflected(op, rendered, hello.offsetMs);
  });
  for (const op of received) handled.add(op.op);
  return received;
}

function concernsPage(op: Op): boolean {
  const agg = CSS.escape(op.agg.join(":"));
  return document.querySelector(`[data-agg="${agg}"],template[data-pending="${CSS.escape(op.kind)}"]`) !== null;
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** A form that rests is saved first and refills itself. */
const RESTING = 4000;

function isInView(element: Element): boolean {
  const { bottom, top } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function isInUse(part: Element): boolean {
  // A decision stays where it was made while it can be taken back, and then for as long as somebody sees it.
  if (isTouched() || part.querySelector("[data-undo-op]")) return true;
  if (!document.hidden && all(part, ":has(>.decided)").some(isInView)) return true;
  if (part.querySelector("form[data-op]") === null) return false;
  if (isTouched(RESTING)) return anyDirty();
  return isControl(document.activeElement) && part.contains(document.activeElement);
}

const waiting = new Set<Element>();
/** Parts whose new content is on its way. */
const coming = new Set<EventTarget>();

function refreshLater(part: HTMLElement): void {
  if (waiting.has(part)) return;
  waiting.add(part);
  setTimeout(() => {
    waiting.delete(part);
    if (part.isConnected) void refresh(part);
  }, 1000);
}

async function refresh(part: HTMLElement): Promise<void> {
  if (isInUse(part)) return refreshLater(part);
  await settle(part);
  const ask = () =>
    htmx.ajax("GET", part.dataset.live || location.href, { target: part, swap: "outerHTML", source: part });
  coming.add(part);
  try {
    // Buttons that would move under a finger are not pressed by a tap that was meant for another.
    if (part.querySelector("form[data-undo]")) await (await import("./acts.ts")).guardMoves(ask);
    else await ask();
  } finally {
    coming.delete(part);
  }
}

// A finger may have come down while the answer was on its way.
document.addEventListener("htmx:before:swap", (event) => {
  const part = event.target;
  if (!(part instanceof HTMLElement) || !coming.has(part) || !isInUse(part)) return;
  event.preventDefault();
  refreshLater(part);
});

/** Many receipts in a row refresh the page once. */
function refreshSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const parts = all(document, "[data-live]");
    for (const part of parts) void refresh(part);
    if (parts.length > 0) return;
    await untouched();
    // Into the browser's cache first: reloading alone would bring the same copy back, and ask for it again without end.
    await fetch("", { cache: "reload" }).catch(() => {});
    if (!anyDirty() && !isLeaving()) location.reload();
  }, 150);
}

/** `shown` are the records that stand on the page as pending pieces. Returns what was newly received. */
export async function watchReceipts(
  engine: RunningEngine,
  ops: readonly Op[],
  shown: ReadonlySet<string>,
): Promise<Op[]> {
  if (engine.link() === "offline") return [];
  const received = newlyReceived(ops, engine.hello());
  const parts = document.querySelector("[data-live]") !== null;
  if (received.some((op) => shown.has(op.op) || (parts && concernsPage(op)))) refreshSoon();
  return received;
}

let photosUntil = asked;

/** A page that says photos are missing is made anew once all of this phone's are settled, be it while it was coming. */
export function watchPhotos({ photos, photoAt }: Counts): void {
  // A time to come is from before the clock was set back: it would be newer than every page.
  if (photos > 0 || photoAt === null || photoAt < photosUntil || photoAt > Date.now()) return;
  photosUntil = photoAt + 1;
  if (document.querySelector("[data-awaits-photos]")) refreshSoon();
}
