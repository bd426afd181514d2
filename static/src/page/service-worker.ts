import { whenIdle } from "./dirty.ts";
import { session } from "./session.ts";

/** Delays of attempts: sending after page load must end first. */
const TRIES = [0, 2000, 10_000];

/** Activate a waiting service worker when a page opens and no tab has a dirty form or is sending. */
function activateWaiting(registration: ServiceWorkerRegistration): void {
  for (const delay of TRIES) {
    setTimeout(() => {
      const waiting = registration.waiting;
      if (waiting && navigator.serviceWorker.controller) {
        void whenIdle(session.userId, () => waiting.postMessage("activate"));
      }
    }, delay);
  }
}

/** Request a claim for a page that was loading while the service worker was activated. */
async function claimThisPage(): Promise<void> {
  const { active } = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) active?.postMessage("claim");
}

/** Register the service worker. The app works without it. */
export async function registerServiceWorker(kick: (reason: string) => void): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data === "kick") kick("background-sync");
  });
  try {
    if ("noWorker" in document.documentElement.dataset) {
      // Kill switch: registering again would revive the worker that is being removed.
      await (await navigator.serviceWorker.getRegistration("/"))?.update();
      return;
    }
    activateWaiting(await navigator.serviceWorker.register("/sw.js", { scope: "/", updateViaCache: "none" }));
    void claimThisPage();
  } catch {
    // No HTTPS, or disabled: no offline reading, but capturing works.
  }
}

/** Register for Background Sync, where supported. */
export async function askForSync(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker?.getRegistration("/");
    const sync = (registration as unknown as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync;
    await sync?.register("outbox");
  } catch {
    // Optional: other triggers still work.
  }
}
