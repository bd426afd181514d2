import type { Core } from "../engine/core-db.ts";
import { ignoreStorageFull } from "../engine/reconcile.ts";
import { forgetPages, readActive, writeActive } from "./active.ts";
import { all } from "./dom.ts";
import { session } from "./session.ts";
import { isServerReachable } from "./shell.ts";
import { text } from "./texts.ts";

/**
 * Make the signed-in person the active user, whose pages may be shown. Write only changes, and delete other people's pages
 * first, so that this works with a full disk (failure mode 27).
 */
async function activate(user: number, core: Core): Promise<void> {
  const before = await readActive();
  // A cached page must not unlock; the service worker sees network responses.
  if (before.locked && before.user === user && (before.leaving || navigator.serviceWorker?.controller)) return;
  const isSameUser = before.user === user;
  if (!isSameUser || before.locked) await forgetPages((owner) => owner !== user);
  // Other people's tabs stop sending (failure mode 41).
  if ((await core.get("active")) !== user) await core.set("active", user).catch(ignoreStorageFull);
  if (isSameUser && !before.locked) return;
  await writeActive({
    user,
    locked: false,
    leaving: false,
    ...(isSameUser ? {} : { pack: null, previous: null, checked: 0 }),
  });
}

/** Return whether this is the login page. */
function isLoginPage(): boolean {
  return document.querySelector('form[action^="/login"]') !== null;
}

async function postLogout(): Promise<boolean> {
  const answer = await fetch("/logout", { method: "POST", cache: "no-store", redirect: "manual" });
  return answer.type === "opaqueredirect" || answer.ok;
}

async function clearPendingLogout(core: Core): Promise<void> {
  await core.unset("pending_logout");
  await writeActive({ leaving: false });
}

/** Tell the server about an offline sign-out. Return true if this page must be left. */
async function finishLogout(core: Core): Promise<boolean> {
  const pending = await core.get("pending_logout");
  if (pending === undefined) return false;
  if (session.userId !== null && session.userId !== pending) {
    // Another person signed in: the old session is replaced already.
    await core.unset("pending_logout");
    return false;
  }
  try {
    if (!(await session.pauseWhile(postLogout()))) return false;
  } catch {
    return session.userId !== null; // still no network: pages stay locked
  }
  await clearPendingLogout(core);
  return session.userId !== null;
}

/** Apply pending sign-out and the active user, before anything else. Return false if the page is being left. */
export async function applyUser(core: Core): Promise<boolean> {
  if (await finishLogout(core)) {
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

/** Return how many unsent records other people have on this phone. */
export async function othersUnsent(core: Core): Promise<number> {
  const accounts = await core.accounts();
  return accounts
    .filter((account) => account.user !== session.userId)
    .reduce((sum, account) => sum + account.unsent + account.attention, 0);
}

async function logout(form: HTMLFormElement, core: Core): Promise<void> {
  form.setAttribute("aria-busy", "true");
  let engine = await session.ready;
  // Opening takes long. Without the server only this page can lock the pages, so wait.
  if (!engine && !session.broken && !(await isServerReachable())) engine = await session.engine;
  // Without storage there is nothing unsent and no offline page.
  if (session.broken || !engine) return form.submit();
  const counts = await engine.counts();
  const unsent = counts.unsent + counts.attention;
  if (unsent > 0 && !confirm(text("logout.unsent", { n: unsent }))) {
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
    await clearPendingLogout(core);
    location.replace("/login");
  } catch {
    // No network: show the locked shell until the server can be told.
    location.replace("/offline");
  }
}

/**
 * Handle sign-out, also before the stores are open: a native submit would not warn about unsent records, and without
 * network it would end on the browser's error page.
 */
export function watchLogout(core: Core): void {
  for (const form of all<HTMLFormElement>(document, "form[data-logout]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // On errors submit natively.
      if (!form.hasAttribute("aria-busy")) logout(form, core).catch(() => form.submit());
    });
  }
}
