import { all, cloneTemplate, hide, one } from "./dom.ts";
import { size, text } from "./texts.ts";

/** Chromium's own offer to install, kept until the person asks for it. */
export interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

declare global {
  interface Window {
    fieldappInstall?: InstallOffer;
  }
}

const SEEN = "fieldapp-install-hint";

function seen(): boolean {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true; // what cannot remember a "no" must not ask
  }
}

function neverAgain(): void {
  try {
    localStorage.setItem(SEEN, "1");
  } catch {
    // then `seen` says so, too
  }
}

/** An iPhone or iPad in a Safari tab: there a week without use, or a full phone, may clear everything. */
export function isAppleTab(where: Pick<Navigator, "userAgent" | "maxTouchPoints"> & { standalone?: boolean }): boolean {
  const apple =
    /iPhone|iPad|iPod/.test(where.userAgent) || (/Macintosh/.test(where.userAgent) && where.maxTouchPoints > 1);
  return apple && where.standalone !== true;
}

export interface Kept {
  key: "kept" | "may_clear" | "full";
  used: number;
  free: number;
}

/** Photos stop at this share of the room (see engine/photos.ts). */
const FULL = 0.8;

export function judgeStorage(estimate: { usage?: number; quota?: number }, persisted: boolean): Kept {
  const { usage = 0, quota = 0 } = estimate;
  const full = quota > 0 && usage >= FULL * quota;
  return { key: full ? "full" : persisted ? "kept" : "may_clear", used: usage, free: Math.max(0, quota - usage) };
}

async function renderStorage(card: HTMLElement): Promise<void> {
  const { storage } = navigator;
  if (!storage?.estimate) return;
  const kept = judgeStorage(await storage.estimate(), (await storage.persisted?.()) ?? false);
  const tag = one(card, "[data-kept]");
  if (tag) {
    tag.textContent = text(`storage.${kept.key}`);
    tag.className = `tag ${{ kept: "ok", may_clear: "soon", full: "hot" }[kept.key]}`;
  }
  const space = one(card, "[data-space]");
  if (space) space.textContent = text("outbox.storage", { used: size(kept.used), free: size(kept.free) });
  const advice = one(card, "[data-advice]");
  if (advice) advice.textContent = text(`storage.${kept.key}_advice`);
  hide(card, false);
}

/** The browser is asked to keep what lies here; what it answered is shown on the outbox page. */
export async function askToKeep(): Promise<void> {
  await navigator.storage?.persist?.();
  for (const card of all(document, "[data-storage]")) await renderStorage(card);
}

/** On the outbox page: how safe the records lie, how much room there is, and how to get onto the home screen. */
export function attachStorage(root: ParentNode): void {
  const card = one(root, "[data-storage]");
  if (!card) return;
  void renderStorage(card).catch(() => {});
  hide(one(card, "[data-install-apple]"), !isAppleTab(navigator));
  const button = one<HTMLButtonElement>(card, "[data-install]");
  const offered = () => hide(button, window.fieldappInstall === undefined);
  offered();
  document.addEventListener("fieldapp:install", offered);
  button?.addEventListener("click", async () => {
    await window.fieldappInstall?.prompt();
    window.fieldappInstall = undefined;
    offered();
  });
}

/** Once something was saved in a Safari tab: why and how to put the app on the home screen. A "no" is for good. */
export function hintAfterSave(): void {
  const template = one<HTMLTemplateElement>(document, "template#install-hint");
  const main = one(document, "#main");
  if (!template || !main || !isAppleTab(navigator) || seen() || one(document, "[data-storage]")) return;
  const hint = cloneTemplate(template);
  if (!hint) return;
  one(hint, "[data-hint-close]")?.addEventListener("click", () => {
    neverAgain();
    hint.remove();
    main.focus();
  });
  main.prepend(hint);
}
