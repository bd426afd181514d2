/** Track touches and input, so that nothing is replaced under a finger. */
const QUIET_MS = 1000;
/** A pointerup may be missed (outside the window, in a dialog): a press counts no longer than this. */
const MAX_PRESS_MS = 5000;
let pressed = false;
let last = Number.NEGATIVE_INFINITY;

function recordInput(down: boolean | null): void {
  if (down !== null) pressed = down;
  last = performance.now();
}

for (const kind of ["pointerdown", "touchstart"])
  document.addEventListener(kind, () => recordInput(true), { passive: true });
for (const kind of ["pointerup", "touchend", "touchcancel"]) document.addEventListener(kind, () => recordInput(false));
for (const kind of ["pointercancel", "scroll", "input"])
  document.addEventListener(kind, () => recordInput(null), { passive: true });

export function isPressed(): boolean {
  return pressed && performance.now() - last < MAX_PRESS_MS;
}

/** Return whether there was input within the last `quiet` ms. */
export function isTouched(quiet = QUIET_MS): boolean {
  return isPressed() || performance.now() - last < quiet;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolve once no pointer is pressed. */
export async function pointerReleased(): Promise<void> {
  while (isPressed()) await pause(50);
}

export async function untilUntouched(quiet?: number): Promise<void> {
  while (isTouched(quiet)) await pause(100);
}

/** For this many ms after a navigation began the page must not reload. */
const LEAVING_MS = 5000;
let leftAt = Number.NEGATIVE_INFINITY;

/** Note that a navigation begins. */
export function leavingSoon(): void {
  leftAt = performance.now();
}

export function isLeaving(): boolean {
  return performance.now() - leftAt < LEAVING_MS;
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a[href]")) leavingSoon();
});
document.addEventListener("submit", leavingSoon);
