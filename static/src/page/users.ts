import type { Core } from "../engine/core-db.ts";
import { ignoreStorageFull } from "../engine/reconcile.ts";
import { forgetPages, readActive, writeActive } from "./active.ts";
import { all } from "./dom.ts";
import { session } from "./session.ts";
import { serverAnswers } from "./shell.ts";
import { text } from "./texts.ts";

/**
 * Somebody else signed in, or the same person again: whose pages may be shown from now on. Writes only where something
 * changed, and makes room first: a full phone must open (failure mode 27).
 */
async function activate(user: number, core: Core): Promise<void> {
  const before = await readActive();
  // A page from a store must not undo a lock; the service worker saw what the network said.
  if (before.locked && before.user === user && (before.leaving || navigator.serviceWorker?.controller)) return;
  const same = before.user === user;
  if (!same || before.locked) await forgetPages((owner) => owner !== user);
  // Whose records may be sent from here; tabs of others fall silent (failure mode 41).
  if ((await core.get("active")) !== user) await core.set("active", user).catch(ignoreStorageFull);
  if (same && !before.locked) return;
  await writeActive({
    user,
    locked: false,
    leaving: false,
    ...(same ? {} : { pack: null, previous: null, checked: 0 }),
  });
}

/** A log-in page: nobody's pages may be shown until someone signs in. */
function isLoginPage(): boolean {
  return document.querySelector('form[action^="/login"]') !== null;
}

async function postLogout(): Promise<boolean> {
  const answer = await fetch("/logout", { method: "POST", cache: "no-store", redirect: "manual" });
  return answer.type === "opaqueredirect" || answer.ok;
}

async function loggedOut(core: Core): Promise<void> {
  await core.unset("pending_logout");
  await writeActive({ leaving: false });
}

/** Tells the server about a log-out that happened without network. Returns true when the page has to be left. */
async function settleLogout(core: Core): Promise<boolean> {
  const pending = await core.get("pending_logout");
  if (pending === undefined) return false;
  if (session.userId !== null && session.userId !== pending) {
    // Somebody else signed in meanwhile: the old session is gone, and this one is not ours to end.
    await core.unset("pending_logout");
    return false;
  }
  try {
    if (!(await session.whileAsking(postLogout()))) return false;
  } catch {
    return session.userId !== null; // still no network: these pages stay closed
  }
  await loggedOut(core);
  return session.userId !== null;
}

/** Before anything else on the page. Returns false when the page is being left. */
export async function settleUser(core: Core): Promise<boolean> {
  if (await settleLogout(core)) {
    location.replace("/login");
    return false;
  }
  if (session.userId !== null) await activate(session.userId, core);
  else if (isLoginPage()) {
    const before = await readActive();
    if (before.user !== null && !before.locked) await writeActive({ locked: true });
  }
  return true;
}

/** Unsent records of others on this phone; only how many, never what. */
export async function othersUnsent(core: Core): Promise<number> {
  const accounts = await core.accounts();
  return accounts
    .filter((account) => account.user !== session.userId)
    .reduce((sum, account) => sum + account.unsent + account.attention, 0);
}

async function logout(form: HTMLFormElement, core: Core): Promise<void> {
  form.setAttribute("aria-busy", "true");
  let engine = await session.ready;
  // A start that takes long ends, too, and without the server only this page can close the others.
  if (!engine && !session.broken && !(await serverAnswers())) engine = await session.engine;
  // Nothing can be kept here, so there is nothing to ask about, and no page of ours for the time without network.
  if (session.broken || !engine) return form.submit();
  const counts = await engine.counts();
  const left = counts.unsent + counts.attention;
  if (left > 0 && !confirm(text("logout.unsent", { n: left }))) {
    form.removeAttribute("aria-busy");
    return;
  }
  const user = session.userId;
  if (user !== null) {
    await writeActive({ locked: true, leaving: true, pack: null, previous: null, checked: 0 });
    await forgetPages((owner) => owner === user);
    await core.set("pending_logout", user);
  }
  await engine.leave().catch(() => {});
  engine.close();
  try {
    if (!(await postLogout())) throw new Error("logout");
    await loggedOut(core);
    location.replace("/login");
  } catch {
    // No network. The page behind this address is the locked shell until the server could be told.
    location.replace("/offline");
  }
}

/**
 * From the first moment on, before the stores are open: a form that goes by itself asks nothing about what is unsent,
 * and without a network it ends on the browser's own error.
 */
export function watchLogout(core: Core): void {
  for (const form of all<HTMLFormElement>(document, "form[data-logout]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // What cannot be done here goes the ordinary way.
      if (!form.hasAttribute("aria-busy")) logout(form, core).catch(() => form.submit());
    });
  }
}
