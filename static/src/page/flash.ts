import type { Op } from "../engine/types.ts";
import { hide, one } from "./dom.ts";
import { text } from "./texts.ts";

const KEY = "fieldapp-flash";
const STAYS = 4000;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Id of the record that the visible toast is about. */
let about: string | null = null;

function close(): void {
  clearTimeout(timer);
  about = null;
  hide(one(document, ".toast"), true);
}

/**
 * Show a toast (role=status). `op` is the record it is about, `action` a button in it, `stays` the time in ms after which
 * it closes.
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

/** Replace the toast "saved on this phone" by "received" once its record is accepted. */
export function confirmToast(ops: readonly Pick<Op, "op" | "state" | "ref" | "title">[]): void {
  const received = ops.find((op) => op.op === about && op.state === "accepted");
  if (received) toast(text("saved.received", { ref: received.ref, title: received.title }));
}

/** Show the message on the next page. */
export function flashNext(message: string, op: string | null = null): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([message, op]));
  } catch {
    // Without session storage only the toast is missing.
  }
}

export function showFlash(): void {
  try {
    const stored = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (!stored) return;
    const [message, op] = JSON.parse(stored) as [string, string | null];
    toast(message, op);
  } catch {
    // as above
  }
}
