/** Whether somebody is touching the screen or typing: nothing is replaced under a finger, and no tap gets lost. */
const QUIET = 1000;
/** A release that was never heard (outside the window, in a dialog) must not stop the page for ever. */
const LONGEST_PRESS = 5000;
let pressed = false;
let last = Number.NEGATIVE_INFINITY;

function note(down: boolean | null): void {
  if (down !== null) pressed = down;
  last = performance.now();
}

for (const kind of ["pointerdown", "touchstart"]) document.addEventListener(kind, () => note(true), { passive: true });
for (const kind of ["pointerup", "touchend", "touchcancel"]) document.addEventListener(kind, () => note(false));
for (const kind of ["pointercancel", "scroll", "input"])
  document.addEventListener(kind, () => note(null), { passive: true });

export function isPressed(): boolean {
  return pressed && performance.now() - last < LONGEST_PRESS;
}

/** A finger is on the screen or was a moment ago. */
export function isTouched(quiet = QUIET): boolean {
  return isPressed() || performance.now() - last < quiet;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolves once the finger is up and its click was heard. */
export async function released(): Promise<void> {
  while (isPressed()) await pause(50);
}

export async function untouched(quiet?: number): Promise<void> {
  while (isTouched(quiet)) await pause(100);
}

/** A reload would undo the tap on a link that is just being followed. */
const LEAVING = 5000;
let left = Number.NEGATIVE_INFINITY;

/** Called where a script is about to change the page. */
export function leavingSoon(): void {
  left = performance.now();
}

export function isLeaving(): boolean {
  return performance.now() - left < LEAVING;
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a[href]")) leavingSoon();
});
document.addEventListener("submit", leavingSoon);
