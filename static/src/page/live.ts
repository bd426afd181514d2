import htmx from "htmx.org";
import type { Counts, HelloInfo, Op, RunningEngine } from "../engine/types.ts";
import { anyDirty } from "./dirty.ts";
import { all, isControl } from "./dom.ts";
import { saveFormsIn } from "./draft.ts";
import { isReflected, renderedAt } from "./pending.ts";
import { isLeaving, isTouched, untilUntouched } from "./touch.ts";

/** When this page was requested. Not `performance.timeOrigin`, which drifts while a phone sleeps. */
const requestedAt = Date.now() - performance.now();

/** Ids of received records that need no further refresh. */
const handled = new Set<string>();

/**
 * Return records received after this page was requested, each once. Compares times, not earlier states: a record is often
 * received between the page's rendering and the first check.
 */
function newlyReceived(ops: readonly Op[], hello: HelloInfo | null): Op[] {
  const now = Date.now();
  const rendered = renderedAt(null);
  const received = ops.filter((op) => {
    if (op.state !== "accepted" || handled.has(op.op)) return false;
    const at = op.receivedAt ?? 0;
    // A future time was noted before the clock was set back; ignore it.
    if (at >= requestedAt && at <= now) return true;
    // Compare with the server's clock only once the offset is measured.
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

/** A part with a form is refreshed after this time without input; its draft is saved first and restored after. */
const IDLE_MS = 4000;

function isInView(element: Element): boolean {
  const { bottom, top } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function isInUse(part: Element): boolean {
  // A decision stays in place while it can be undone or is in view.
  if (isTouched() || part.querySelector("[data-undo-op]")) return true;
  if (!document.hidden && all(part, ":has(>.decided)").some(isInView)) return true;
  if (part.querySelector("form[data-op]") === null) return false;
  if (isTouched(IDLE_MS)) return anyDirty();
  return isControl(document.activeElement) && part.contains(document.activeElement);
}

const waiting = new Set<Element>();
/** Parts that are being fetched. */
const fetching = new Set<EventTarget>();

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
  await saveFormsIn(part);
  const fetchPart = () =>
    htmx.ajax("GET", part.dataset.live || location.href, { target: part, swap: "outerHTML", source: part });
  fetching.add(part);
  try {
    // Decision buttons may move: block taps aimed at another one.
    if (part.querySelector("form[data-undo]")) await (await import("./lazy.ts")).guardTaps(fetchPart);
    else await fetchPart();
  } finally {
    fetching.delete(part);
  }
}

// The part may have come into use during the request.
document.addEventListener("htmx:before:swap", (event) => {
  const part = event.target;
  if (!(part instanceof HTMLElement) || !fetching.has(part) || !isInUse(part)) return;
  event.preventDefault();
  refreshLater(part);
});

/** Refresh once for many receipts in a row. */
function refreshSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const parts = all(document, "[data-live]");
    for (const part of parts) void refresh(part);
    if (parts.length > 0) return;
    await untilUntouched();
    // Into the browser's cache first: reloading alone would bring the same copy back, and ask for it again without end.
    await fetch("", { cache: "reload" }).catch(() => {});
    if (!anyDirty() && !isLeaving()) location.reload();
  }, 150);
}

/** Refresh the page if newly received records concern it; return those. `shown` are the records shown as pending. */
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

let photosUntil = requestedAt;

/** Refresh a page that lists missing photos once this phone has no more to upload. */
export function watchPhotos({ photos, photoAt }: Counts): void {
  // A time to come is from before the clock was set back: it would be newer than every page.
  if (photos > 0 || photoAt === null || photoAt < photosUntil || photoAt > Date.now()) return;
  photosUntil = photoAt + 1;
  if (document.querySelector("[data-awaits-photos]")) refreshSoon();
}
