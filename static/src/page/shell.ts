import { readActive } from "./active.ts";
import { all, hide, one } from "./dom.ts";
import { rescueWithoutEngine } from "./rescue-button.ts";
import { session } from "./session.ts";

const FIRST_DELAY_MS = 3000;
const MAX_DELAY_MS = 60_000;
const TIMEOUT_MS = 5000;

export async function isServerReachable(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("/healthz", { cache: "no-store", redirect: "error", signal });
    return response.ok && response.headers.get("X-Fieldapp") === session.instance;
  } catch {
    return false;
  }
}

/** Poll the server and call `retry` once it responds: the `online` event may come early, and only once. */
function pollServer(retry: () => Promise<void>, pause = FIRST_DELAY_MS): void {
  setTimeout(async () => {
    if (document.visibilityState === "visible" && (await isServerReachable())) return void (await retry());
    pollServer(retry, Math.min(pause * 2, MAX_DELAY_MS));
  }, pause);
}

/** Set up the offline shell, the page shown without network and without a cached copy. */
export async function showShell(settle: () => Promise<unknown>): Promise<void> {
  const root = one(document, "[data-shell]");
  if (!root) return;
  const { user, locked } = await readActive();
  const state = user === null || locked ? "locked" : "away";
  for (const part of all(root, "[data-shell-state]")) hide(part, part.dataset.shellState !== state);
  // On a locked phone the person is not known.
  if (user !== null && !locked) rescueWithoutEngine(user);
  const retry = async () => {
    await settle().catch(() => {});
    if (location.pathname === "/offline") location.assign("/");
    else location.reload();
  };
  one(root, "[data-shell-retry]")?.addEventListener("click", () => void retry());
  addEventListener("online", () => void retry());
  pollServer(retry);
}
