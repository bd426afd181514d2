/**
 * Forms with unsubmitted input. A shared lock tells other tabs, so that no new version is activated and no page reloads
 * while somebody is typing.
 */
const LOCK = "fieldapp-dirty";
const dirty = new Set<HTMLFormElement>();
let release: (() => void) | null = null;

export function markDirty(form: HTMLFormElement): void {
  if (dirty.has(form)) return;
  dirty.add(form);
  acquireLock();
}

function acquireLock(): void {
  if (release || !navigator.locks) return;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  navigator.locks.request(LOCK, { mode: "shared" }, () => held).catch(() => {});
}

export function markClean(form: HTMLFormElement): void {
  dirty.delete(form);
  if (!anyDirty()) releaseLock();
}

function releaseLock(): void {
  release?.();
  release = null;
}

// Nobody types into a page in the back/forward cache.
addEventListener("pagehide", releaseLock);
addEventListener("pageshow", () => {
  if (anyDirty()) acquireLock();
});

/** Return whether a form on this page is dirty; forget removed forms. */
export function anyDirty(): boolean {
  for (const form of dirty) if (!form.isConnected) dirty.delete(form);
  return dirty.size > 0;
}

/** Run `work` if no tab has a dirty form and no tab is sending. */
export async function whenIdle(userId: number | null, work: () => void): Promise<void> {
  if (anyDirty()) return;
  if (!navigator.locks) return work();
  await navigator.locks.request(LOCK, { mode: "exclusive", ifAvailable: true }, async (lock) => {
    if (!lock) return;
    const { held } = await navigator.locks.query();
    if (!held?.some((one) => one.name === `flush-${userId}`)) work();
  });
}
