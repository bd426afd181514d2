import { one } from "./dom.ts";

const KEY = "fieldapp-flash";
let timer: ReturnType<typeof setTimeout> | undefined;

/** One line at the bottom of the screen, read out by screen readers (role=status). `action` is a button beside it. */
export function toast(message: string, action?: HTMLElement): void {
  const where = one(document, "#toast");
  if (!where) return;
  where.textContent = message;
  if (action) where.append(action);
  where.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => {
    where.hidden = true;
  }, 8000);
}

/** Says it on the page that comes next. */
export function flashNext(message: string): void {
  try {
    sessionStorage.setItem(KEY, message);
  } catch {
    // A browser without session storage only misses the friendly line.
  }
}

export function showFlash(): void {
  try {
    const message = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (message) toast(message);
  } catch {
    // as above
  }
}
