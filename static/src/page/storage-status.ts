import { all, cloneTemplate, hide, one } from "./dom.ts";
import { formatSize, text } from "./texts.ts";

/** Chromium's install prompt. */
export interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

declare global {
  interface Window {
    fieldappInstall?: InstallOffer;
  }
}

const HINT_KEY = "fieldapp-install-hint";

function wasHintClosed(): boolean {
  try {
    return localStorage.getItem(HINT_KEY) !== null;
  } catch {
    return true; // cannot remember a "no", so do not ask
  }
}

function rememberHintClosed(): void {
  try {
    localStorage.setItem(HINT_KEY, "1");
  } catch {
    // `wasHintClosed` returns true, too
  }
}

/** Return whether this is a browser tab on an iPhone or iPad: iOS may delete its data after a week or on a full disk. */
export function isAppleTab(where: Pick<Navigator, "userAgent" | "maxTouchPoints"> & { standalone?: boolean }): boolean {
  const apple =
    /iPhone|iPad|iPod/.test(where.userAgent) || (/Macintosh/.test(where.userAgent) && where.maxTouchPoints > 1);
  return apple && where.standalone !== true;
}

export interface StorageStatus {
  key: "kept" | "may_clear" | "full";
  used: number;
  free: number;
}

/** Share of the quota above which no photo is stored (see engine/photos.ts). */
const FULL_SHARE = 0.8;

export function classifyStorage(estimate: { usage?: number; quota?: number }, persisted: boolean): StorageStatus {
  const { usage = 0, quota = 0 } = estimate;
  const full = quota > 0 && usage >= FULL_SHARE * quota;
  return { key: full ? "full" : persisted ? "kept" : "may_clear", used: usage, free: Math.max(0, quota - usage) };
}

async function renderStorage(card: HTMLElement): Promise<void> {
  const { storage } = navigator;
  if (!storage?.estimate) return;
  const status = classifyStorage(await storage.estimate(), (await storage.persisted?.()) ?? false);
  const tag = one(card, "[data-kept]");
  if (tag) {
    tag.textContent = text(`storage.${status.key}`);
    tag.className = `tag ${{ kept: "ok", may_clear: "soon", full: "hot" }[status.key]}`;
  }
  const space = one(card, "[data-space]");
  if (space)
    space.textContent = text("outbox.storage", { used: formatSize(status.used), free: formatSize(status.free) });
  const advice = one(card, "[data-advice]");
  if (advice) advice.textContent = text(`storage.${status.key}_advice`);
  hide(card, false);
}

/** Ask the browser for persistent storage and show the result on the outbox page. */
export async function requestPersistence(): Promise<void> {
  await navigator.storage?.persist?.();
  for (const card of all(document, "[data-storage]")) await renderStorage(card);
}

/** Set up the storage card of the outbox page: safety, free space, installation. */
export function attachStorage(root: ParentNode): void {
  const card = one(root, "[data-storage]");
  if (!card) return;
  void renderStorage(card).catch(() => {});
  hide(one(card, "[data-install-apple]"), !isAppleTab(navigator));
  const button = one<HTMLButtonElement>(card, "[data-install]");
  const updateInstallButton = () => hide(button, window.fieldappInstall === undefined);
  updateInstallButton();
  document.addEventListener("fieldapp:install", updateInstallButton);
  button?.addEventListener("click", async () => {
    await window.fieldappInstall?.prompt();
    window.fieldappInstall = undefined;
    updateInstallButton();
  });
}

/** Show how to install the app once something was saved in an iOS tab, until the hint is closed. */
export function showInstallHint(): void {
  const template = one<HTMLTemplateElement>(document, "template#install-hint");
  const main = one(document, "#main");
  if (!template || !main || !isAppleTab(navigator) || wasHintClosed() || one(document, "[data-storage]")) return;
  const hint = cloneTemplate(template);
  if (!hint) return;
  one(hint, "[data-hint-close]")?.addEventListener("click", () => {
    rememberHintClosed();
    hint.remove();
    main.focus();
  });
  main.prepend(hint);
}
