import { readActive } from "./active.ts";
import { all, hide, one } from "./dom.ts";
import { rescueWithoutEngine } from "./rescue-button.ts";
import { session } from "./session.ts";

const FIRST = 3000;
const MOST = 60_000;
const PATIENCE = 5000;

export async function serverAnswers(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch("/healthz", { cache: "no-store", redirect: "error", signal });
    return answer.ok && answer.headers.get("X-Fieldapp") === session.instance;
  } catch {
    return false;
  }
}

/** A phone may say that it is online before anything comes through, and says it only once: the server is asked. */
function whenItAnswers(again: () => Promise<void>, pause = FIRST): void {
  setTimeout(async () => {
    if (document.visibilityState === "visible" && (await serverAnswers())) return void (await again());
    whenItAnswers(again, Math.min(pause * 2, MOST));
  }, pause);
}

/** The page that is shown when there is no network and no copy: what it says depends on who is here. */
export async function showShell(settle: () => Promise<unknown>): Promise<void> {
  const root = one(document, "[data-shell]");
  if (!root) return;
  const { user, locked } = await readActive();
  const state = user === null || locked ? "locked" : "away";
  for (const part of all(root, "[data-shell-state]")) hide(part, part.dataset.shellState !== state);
  // On a locked phone nobody knows who is asking.
  if (user !== null && !locked) rescueWithoutEngine(user);
  const again = async () => {
    await settle().catch(() => {});
    if (location.pathname === "/offline") location.assign("/");
    else location.reload();
  };
  one(root, "[data-shell-retry]")?.addEventListener("click", () => void again());
  addEventListener("online", () => void again());
  whenItAnswers(again);
}
