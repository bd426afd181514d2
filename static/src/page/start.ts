import "htmx.org";
import { type Core, openCore } from "../engine/core-db.ts";
import { openEngine } from "../engine/open.ts";
import { signedOutOwner } from "../engine/token.ts";
import { type Op, type RunningEngine, StorageUnavailable } from "../engine/types.ts";
import { CAPTURED, listenForSubmits } from "./capture.ts";
import { updateChip } from "./chip.ts";
import { one } from "./dom.ts";
import { rereadAll, saveAllNow } from "./draft.ts";
import { dress, enhance } from "./enhance.ts";
import { browser } from "./environment.ts";
import { confirmToast, showFlash, toast } from "./flash.ts";
import { adoptWords } from "./last-words.ts";
import { watchPhotos, watchReceipts } from "./live.ts";
import { applyPending, forgetSwapped, hasDecided, renderedAt } from "./pending.ts";
import { rescueWithoutEngine } from "./rescue-button.ts";
import { askForSync, registerServiceWorker } from "./service-worker.ts";
import { giveUpStoring, session } from "./session.ts";
import { showShell } from "./shell.ts";
import type { InstallOffer } from "./storage-care.ts";
import { text } from "./texts.ts";
import { released } from "./touch.ts";
import { settleUser, watchLogout } from "./users.ts";

/** Lists and forms stand before any page is fetched ahead: its code comes after theirs. */
function refreshPack(soon = false): void {
  import("./pack.ts").then((pack) => (soon ? pack.refreshPackSoon() : pack.refreshPack())).catch(() => {});
}

/** Redraws everything that depends on what lies on the phone; never two at a time, the last call always wins. */
function painter(engine: RunningEngine, outbox: () => void): () => void {
  let follow: ((ops: readonly Op[]) => boolean) | null = null;
  if (one(document, "[data-facts],[data-live]")) {
    void import("./knows.ts").then(({ watchFacts }) => {
      follow = watchFacts(engine);
      void run();
    });
  }
  let running = false;
  let again = false;
  const adopt = (root: HTMLElement) => enhance(root, engine);
  async function paint(): Promise<void> {
    const ops: Op[] = await engine.list();
    const offset = engine.hello()?.offsetMs ?? 0;
    confirmToast(ops);
    // Nothing is replaced under a finger: its tap would be lost.
    await released();
    const shown = applyPending(ops, offset, adopt);
    if (follow?.(ops)) again = true;
    outbox();
    await showNews(engine, ops, offset);
    watchPhotos(await updateChip(engine));
    if ((await watchReceipts(engine, ops, shown)).length > 0) refreshPack(true);
  }
  async function run(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await paint().catch((error) => {
        if (error instanceof StorageUnavailable && error.hangs) giveUpStoring(error);
      });
    } while (again);
    running = false;
  }
  return () => void run();
}

/** Code for what is rare comes when it is needed. */
let unusual = { decided: false, refused: false };
const sentHere = new Set<string>();

async function showNews(engine: RunningEngine, ops: readonly Op[], offset: number): Promise<void> {
  const rendered = renderedAt(null);
  const lowering = one(document, "[data-lowered-by]")?.dataset.loweredBy ?? "";
  unusual = {
    decided: unusual.decided || hasDecided(ops, lowering, rendered, offset),
    refused: unusual.refused || ops.some((op) => op.state === "rejected" || op.state === "conflict"),
  };
  if (unusual.decided) (await import("./acts.ts")).showDecided(engine, ops, offset);
  for (const op of ops) if (op.state === "saved" || op.state === "sending") sentHere.add(op.op);
  if (unusual.refused) await (await import("./acts.ts")).watchRefusals(engine, ops, sentHere);
}

function watchPage(engine: RunningEngine, paint: () => void): void {
  addEventListener("online", () => {
    engine.kick("online");
    refreshPack();
  });
  // A page that is left is hidden after that, too.
  let left = false;
  addEventListener("pagehide", () => {
    left = true;
    saveAllNow(true);
    if (!session.goesOn) engine.sendHeldNow();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return engine.kick("visible");
    if (left) return;
    saveAllNow();
    if (!session.goesOn) void engine.endHolds().catch(() => {});
  });
  addEventListener("pageshow", (event) => {
    session.goesOn = false;
    left = false;
    engine.kick("pageshow");
    if (!event.persisted) return;
    void rereadAll();
    paint();
  });
  document.addEventListener(CAPTURED, () => {
    engine.kick("submit");
    void askForSync();
    void import("./storage-care.ts").then((care) => care.askToKeep());
  });
  document.addEventListener("htmx:after:swap", () => {
    forgetSwapped();
    enhance(document, engine);
    paint();
  });
}

/** A part that could not be fetched says so instead of doing nothing (failure mode 18). */
function watchFragments(): void {
  document.addEventListener("htmx:error", () => toast(text("fragment.failed")));
  document.addEventListener("htmx:response:error", () => toast(text("fragment.failed")));
}

/** This browser keeps nothing: the forms stay comfortable and go the ordinary way. */
function goPlain(error: unknown): void {
  giveUpStoring(error);
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
    return goPlain(error);
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
  await adoptWords(engine);
  enhance(document, engine);
  engine.subscribe(paint);
  watchPage(engine, paint);
  paint();
  engine.kick("load");
  await registerServiceWorker((reason) => engine.kick(reason));
  // Only iPhones and iPads need to be told; what they may lose is there from the first record on.
  if ((await engine.list()).length > 0) {
    void import("./storage-care.ts").then((care) => care.hintAfterSave());
  }
  // The page itself comes first on a slow line.
  setTimeout(refreshPack, 1500);
}

/** The browser offers to install only once, and soon: kept for the button on the outbox page. */
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  window.fieldappInstall = event as InstallOffer;
  document.dispatchEvent(new Event("fieldapp:install"));
});

/** A log-in page after a session that ran out: what its owner recorded here goes on being sent, in their name. */
async function sendForAbsent(core: Core): Promise<void> {
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
    const settled = settleUser(core);
    watchLogout(core);
    if (!(await settled)) return;
    await showShell(() => settleUser(core));
  } catch (error) {
    if (session.userId !== null) goPlain(error);
    return;
  }
  await startOutbox(core);
  if (session.userId !== null) return;
  await registerServiceWorker(() => {});
  await sendForAbsent(core).catch(() => {});
}

listenForSubmits();
dress(document);
if (one(document, "[data-show-password],[data-copy]")) {
  void import("./accounts.ts").then(({ enhanceAccounts }) => enhanceAccounts());
}
void start();
