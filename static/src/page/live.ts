import htmx from "htmx.org";
import type { Counts, Engine, Op, OpState } from "../engine/types.ts";
import { anyDirty } from "./dirty.ts";
import { all, isControl } from "./dom.ts";
import { settle } from "./draft.ts";

const seen = new Map<string, OpState>();

/** Records that were received since the last look. The first look only remembers. */
function newlyReceived(ops: readonly Op[]): Op[] {
  const first = seen.size === 0;
  const received = ops.filter((op) => op.state === "accepted" && seen.get(op.op) !== "accepted");
  for (const op of ops) seen.set(op.op, op.state);
  return first ? [] : received;
}

function concernsPage(op: Op): boolean {
  const agg = CSS.escape(op.agg.join(":"));
  return document.querySelector(`[data-agg="${agg}"],template[data-pending="${CSS.escape(op.kind)}"]`) !== null;
}

/** A reload would undo the tap on a link that is just being followed. */
const LEAVING = 5000;
let left = Number.NEGATIVE_INFINITY;
document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a[href]")) left = performance.now();
});
document.addEventListener("submit", () => {
  left = performance.now();
});

let timer: ReturnType<typeof setTimeout> | undefined;

/** Nothing is replaced under a finger; a form that rests is saved first and refills itself. */
const RESTING = 4000;
let touched = Number.NEGATIVE_INFINITY;
for (const kind of ["pointerdown", "pointerup", "input"]) {
  document.addEventListener(kind, () => {
    touched = performance.now();
  });
}

function isInUse(part: Element): boolean {
  if (part.querySelector("form[data-op]") === null) return false;
  if (performance.now() - touched < RESTING) return anyDirty();
  return isControl(document.activeElement) && part.contains(document.activeElement);
}

const waiting = new Set<Element>();

async function refresh(part: HTMLElement): Promise<void> {
  if (isInUse(part)) {
    if (!waiting.has(part)) {
      waiting.add(part);
      setTimeout(() => {
        waiting.delete(part);
        if (part.isConnected) void refresh(part);
      }, RESTING);
    }
    return;
  }
  await settle(part);
  await htmx.ajax("GET", part.dataset.live || location.href, { target: part, swap: "outerHTML", source: part });
}

/** Many receipts in a row refresh the page once. */
function refreshSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const parts = all(document, "[data-live]");
    for (const part of parts) void refresh(part);
    if (parts.length === 0 && !anyDirty() && performance.now() - left > LEAVING) location.reload();
  }, 150);
}

/** The page opened older than a receipt: it was on its way, or came from a store. Known once there is a network. */
let behind = false;

/** `shown` are the records that stood on the page as pending pieces. Returns what was newly received. */
export async function watchReceipts(engine: Engine, ops: readonly Op[], shown: ReadonlySet<string>): Promise<Op[]> {
  if (seen.size === 0) behind = ops.some((op) => op.state === "accepted" && shown.has(op.op));
  const received = newlyReceived(ops);
  const parts = document.querySelector("[data-live]") !== null;
  const stale = received.some((op) => shown.has(op.op) || (parts && concernsPage(op)));
  if (stale && engine.link() !== "offline") refreshSoon();
  else if (behind && parts && engine.link() === "online") {
    behind = false;
    refreshSoon();
  }
  return received;
}

/** The page shows what the server knew when it was asked for; `performance.timeOrigin` goes wrong as a phone sleeps. */
let shownUntil = Date.now() - performance.now();

/** A page that says photos are missing is made anew once all of this phone's are settled, be it while it was coming. */
export function watchPhotos({ photos, photoAt }: Counts): void {
  // A time to come is from before the clock was set back: it would be newer than every page.
  if (photos > 0 || photoAt === null || photoAt < shownUntil || photoAt > Date.now()) return;
  shownUntil = photoAt + 1;
  if (document.querySelector("[data-awaits-photos]")) refreshSoon();
}
