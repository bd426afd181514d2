/**
 * Which forms hold what is not yet sent. A shared lock tells the other tabs, so that no new version takes over and no
 * page reloads itself under someone's fingers.
 */
const LOCK = "fieldapp-dirty";
const dirty = new Set<HTMLFormElement>();
let release: (() => void) | null = null;

export function markDirty(form: HTMLFormElement): void {
  if (dirty.has(form)) return;
  dirty.add(form);
  hold();
}

function hold(): void {
  if (release || !navigator.locks) return;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  navigator.locks.request(LOCK, { mode: "shared" }, () => held).catch(() => {});
}

export function markClean(form: HTMLFormElement): void {
  dirty.delete(form);
  if (!anyDirty()) letGo();
}

function letGo(): void {
  release?.();
  release = null;
}

// A page in the browser's memory is under nobody's fingers.
addEventListener("pagehide", letGo);
addEventListener("pageshow", () => {
  if (anyDirty()) hold();
});

/** On this page. A form that was taken off the page no longer counts. */
export function anyDirty(): boolean {
  for (const form of dirty) if (!form.isConnected) dirty.delete(form);
  return dirty.size > 0;
}

/** Runs `work` only when no tab has a dirty form and no tab is sending. */
export async function whenQuiet(userId: number | null, work: () => void): Promise<void> {
  if (anyDirty()) return;
  if (!navigator.locks) return work();
  await navigator.locks.request(LOCK, { mode: "exclusive", ifAvailable: true }, async (lock) => {
    if (!lock) return;
    const { held } = await navigator.locks.query();
    if (!held?.some((one) => one.name === `flush-${userId}`)) work();
  });
}
