import type { Op } from "../engine/types.ts";
import { hide, one } from "./dom.ts";
import { text } from "./texts.ts";

const KEY = "fieldapp-flash";
const STAYS = 4000;
let timer: ReturnType<typeof setTimeout> | undefined;
/** The record the line speaks of, while it is on the screen. */
let about: string | null = null;

function close(): void {
  clearTimeout(timer);
  about = null;
  hide(one(document, ".toast"), true);
}

/**
 * One line above the bottom bar, read out by screen readers (role=status). `op` is the record it speaks of, `action` a
 * button beside it; `stays` is how long the button can be pressed.
 */
export function toast(message: string, op: string | null = null, action?: HTMLElement, stays = STAYS): void {
  const where = one(document, "#toast");
  const box = where?.closest<HTMLElement>(".toast");
  if (!where || !box) return;
  where.textContent = message;
  if (action) where.append(action);
  hide(box, false);
  about = op;
  const button = one(box, "[data-toast-close]");
  if (button) button.onclick = close;
  clearTimeout(timer);
  timer = setTimeout(close, stays);
}

/** A line that still says "saved on this phone" says "received" once it is. */
export function confirmToast(ops: readonly Pick<Op, "op" | "state" | "ref" | "title">[]): void {
  const received = ops.find((op) => op.op === about && op.state === "accepted");
  if (received) toast(text("saved.received", { ref: received.ref, title: received.title }));
}

/** Says it on the page that comes next. */
export function flashNext(message: string, op: string | null = null): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([message, op]));
  } catch {
    // A browser without session storage only misses the friendly line.
  }
}

export function showFlash(): void {
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (!kept) return;
    const [message, op] = JSON.parse(kept) as [string, string | null];
    toast(message, op);
  } catch {
    // as above
  }
}
