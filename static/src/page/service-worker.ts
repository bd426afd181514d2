import { whenQuiet } from "./dirty.ts";
import { session } from "./session.ts";

/** Opening a page sends what waits; that is soon over. */
const TRIES = [0, 2000, 10_000];

/** A new version takes over when a page opens and nobody is writing or sending; never under an open form. */
function activateWaiting(registration: ServiceWorkerRegistration): void {
  for (const delay of TRIES) {
    setTimeout(() => {
      const waiting = registration.waiting;
      if (waiting && navigator.serviceWorker.controller) {
        void whenQuiet(session.userId, () => waiting.postMessage("activate"));
      }
    }, delay);
  }
}

/** A page that was on its way while the worker took over missed its claim: it asks for one of its own. */
async function claimThisPage(): Promise<void> {
  const { active } = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) active?.postMessage("claim");
}

/** The app works without it; it only answers GETs while there is no network. */
export async function registerServiceWorker(kick: (reason: string) => void): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data === "kick") kick("background-sync");
  });
  try {
    if ("noWorker" in document.documentElement.dataset) {
      // Called back. Registering again would bring back to life the one that is just going.
      await (await navigator.serviceWorker.getRegistration("/"))?.update();
      return;
    }
    activateWaiting(await navigator.serviceWorker.register("/sw.js", { scope: "/", updateViaCache: "none" }));
    void claimThisPage();
  } catch {
    // No HTTPS, or switched off: then there is no offline reading, but capturing goes on.
  }
}

/** Where there is Background Sync, the browser wakes us once the network is back. */
export async function askForSync(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker?.getRegistration("/");
    const sync = (registration as unknown as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync;
    await sync?.register("outbox");
  } catch {
    // Only a bonus: every other trigger still works.
  }
}
