import "htmx.org";
import { type Core, openCore } from "../engine/core-db.ts";
import { openEngine } from "../engine/open.ts";
import { signedOutOwner } from "../engine/token.ts";
import { type Op, type RunningEngine, StorageUnavailable } from "../engine/types.ts";
import { CAPTURED, listenForSubmits } from "./capture.ts";
import { updateChip } from "./chip.ts";
import { one } from "./dom.ts";
import { reloadAll, saveAllNow } from "./draft.ts";
import { restoreEmergencyDrafts } from "./emergency-draft.ts";
import { enhance, enhanceEarly } from "./enhance.ts";
import { browser } from "./environment.ts";
import { confirmToast, showFlash, toast } from "./flash.ts";
import { watchPhotos, watchReceipts } from "./live.ts";
import { applyPending, forgetSwapped, hasDecided, renderedAt } from "./pending.ts";
import { rescueWithoutEngine } from "./rescue-button.ts";
import { askForSync, registerServiceWorker } from "./service-worker.ts";
import { disableStorage, session } from "./session.ts";
import { showShell } from "./shell.ts";
import type { InstallOffer } from "./storage-status.ts";
import { text } from "./texts.ts";
import { pointerReleased } from "./touch.ts";
import { applyUser, watchLogout } from "./users.ts";

/** Refresh the offline pages; the module is loaded after lists and forms are set up. */
function refreshPack(soon = false): void {
  import("./pack.ts").then((pack) => (soon ? pack.refreshPackSoon() : pack.refreshPack())).catch(() => {});
}

/** Return a function that renders everything that depends on stored records; calls during a rendering cause one more. */
function painter(engine: RunningEngine, outbox: () => void): () => void {
  let updateFacts: ((ops: readonly Op[]) => boolean) | null = null;
  if (one(document, "[data-facts],[data-live]")) {
    void import("./stale-forms.ts").then(({ watchFacts }) => {
      updateFacts = watchFacts(engine);
      void run();
    });
  }
  let running = false;
  let isRepeatNeeded = false;
  const onPlaced = (root: HTMLElement) => enhance(root, engine);
  async function paint(): Promise<void> {
    const ops: Op[] = await engine.list();
    const offset = engine.hello()?.offsetMs ?? 0;
    confirmToast(ops);
    // Replacing an element under a finger would lose the tap.
    await pointerReleased();
    const shown = applyPending(ops, offset, onPlaced);
    if (updateFacts?.(ops)) isRepeatNeeded = true;
    outbox();
    await showNews(engine, ops, offset);
    watchPhotos(await updateChip(engine));
    if ((await watchReceipts(engine, ops, shown)).length > 0) refreshPack(true);
  }
  async function run(): Promise<void> {
    if (running) {
      isRepeatNeeded = true;
      return;
    }
    running = true;
    do {
      isRepeatNeeded = false;
      await paint().catch((error) => {
        if (error instanceof StorageUnavailable && error.hangs) disableStorage(error);
      });
    } while (isRepeatNeeded);
    running = false;
  }
  return () => void run();
}

/** Which lazily loaded modules are needed; stays set. */
let needed = { decided: false, refused: false };
const sentHere = new Set<string>();

async function showNews(engine: RunningEngine, ops: readonly Op[], offset: number): Promise<void> {
  const rendered = renderedAt(null);
  const lowering = one(document, "[data-lowered-by]")?.dataset.loweredBy ?? "";
  needed = {
    decided: needed.decided || hasDecided(ops, lowering, rendered, offset),
    refused: needed.refused || ops.some((op) => op.state === "rejected" || op.state === "conflict"),
  };
  if (needed.decided) (await import("./lazy.ts")).updateDecisions(engine, ops, offset);
  for (const op of ops) if (op.state === "saved" || op.state === "sending") sentHere.add(op.op);
  if (needed.refused) await (await import("./lazy.ts")).watchRefusals(engine, ops, sentHere);
}

function watchPage(engine: RunningEngine, paint: () => void): void {
  addEventListener("online", () => {
    engine.kick("online");
    refreshPack();
  });
  // pagehide is followed by visibilitychange.
  let left = false;
  addEventListener("pagehide", () => {
    left = true;
    saveAllNow(true);
    if (!session.isNavigating) engine.sendHeldNow();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return engine.kick("visible");
    if (left) return;
    saveAllNow();
    if (!session.isNavigating) void engine.endHolds().catch(() => {});
  });
  addEventListener("pageshow", (event) => {
    session.isNavigating = false;
    left = false;
    engine.kick("pageshow");
    if (!event.persisted) return;
    void reloadAll();
    paint();
  });
  document.addEventListener(CAPTURED, () => {
    engine.kick("submit");
    void askForSync();
    void import("./storage-status.ts").then((status) => status.requestPersistence());
  });
  document.addEventListener("htmx:after:swap", () => {
    forgetSwapped();
    enhance(document, engine);
    paint();
  });
}

/** Show a toast when a fragment could not be fetched (failure mode 18). */
function watchFragments(): void {
  document.addEventListener("htmx:error", () => toast(text("fragment.failed")));
  document.addEventListener("htmx:response:error", () => toast(text("fragment.failed")));
}

/** Run without storage: forms are enhanced and submitted natively. */
function runWithoutStorage(error: unknown): void {
  disableStorage(error);
  enhance(document, null);
  if (session.userId !== null) rescueWithoutEngine(session.userId);
}

async function startOutbox(core: Core): Promise<void> {
  const userId = session.userId;
  if (userId === null) return;
  let engine: RunningEngine;
  try {
    engine = await openEngine(browser(), { userId, instance: session.instance, build: session.build });
  } catch (error) {
    return runWithoutStorage(error);
  }
  session.resolveEngine(engine);
  let outbox = () => {};
  const paint = painter(engine, () => outbox());
  if (one(document, "[data-outbox],[data-drafts]")) {
    void import("./outbox-page.ts").then(({ attachOutbox }) => {
      outbox = attachOutbox(engine, core);
      paint();
    });
  }
  await restoreEmergencyDrafts(engine);
  enhance(document, engine);
  engine.subscribe(paint);
  watchPage(engine, paint);
  paint();
  engine.kick("load");
  await registerServiceWorker((reason) => engine.kick(reason));
  // iPhones and iPads may delete records unless the app is installed.
  if ((await engine.list()).length > 0) {
    void import("./storage-status.ts").then((status) => status.showInstallHint());
  }
  // Load the page itself first on a slow network.
  setTimeout(refreshPack, 1500);
}

/** Keep the browser's early install prompt for the button on the outbox page. */
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  window.fieldappInstall = event as InstallOffer;
  document.dispatchEvent(new Event("fieldapp:install"));
});

/** On the login page after a session expired: send the last user's records with the device token. */
async function sendForSignedOutOwner(core: Core): Promise<void> {
  const userId = await signedOutOwner(browser(), core);
  if (userId === null) return;
  const engine = await openEngine(browser(), { userId, instance: session.instance, build: session.build });
  addEventListener("online", () => engine.kick("online"));
}

async function start(): Promise<void> {
  showFlash();
  watchFragments();
  if (session.userId === null) session.resolveEngine(null);
  let core: Core;
  try {
    core = openCore(browser());
    const settled = applyUser(core);
    watchLogout(core);
    if (!(await settled)) return;
    await showShell(() => applyUser(core));
  } catch (error) {
    if (session.userId !== null) runWithoutStorage(error);
    return;
  }
  await startOutbox(core);
  if (session.userId !== null) return;
  await registerServiceWorker(() => {});
  await sendForSignedOutOwner(core).catch(() => {});
}

listenForSubmits();
enhanceEarly(document);
if (one(document, "[data-show-password],[data-copy]")) {
  void import("./accounts.ts").then(({ enhanceAccounts }) => enhanceAccounts());
}
void start();
