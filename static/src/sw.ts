/// <reference lib="webworker" />
/**
 * Answers GETs while there is no network, and one POST: what another app shares (`/share`), which only Chromium sends
 * and which becomes a draft, never a record. It touches neither `/sync/*` nor log-in and log-out. A page is only ever
 * shown to the person whose name the server wrote on it.
 */
import { PrecacheController } from "workbox-precaching/PrecacheController.js";
import { PrecacheRoute } from "workbox-precaching/PrecacheRoute.js";
import { registerRoute } from "workbox-routing/registerRoute.js";
import { CacheFirst } from "workbox-strategies/CacheFirst.js";
import { type Active, forgetPages, givenAt, ownerOf, readActive, writeActive } from "./page/active.ts";
import { dropOldShares, SHARED_AT, storeShared } from "./page/shared-files.ts";

declare const __PRECACHE__: { url: string; revision: string | null }[];
const scope = self as unknown as ServiceWorkerGlobalScope;

const SHELL = "/offline";
const PATIENCE = 3000;
const LIMIT = 20_000;
const VISITED_MOST = 60;
const FILES_MOST = 100;
const ASSETS = "/static/dist/";
/** The assets of the build before this one: kept pages still name them. */
const PREVIOUS_ASSETS = "assets-previous";
const UNTOUCHED = /^\/(?:sync(?:\/|$)|login$|logout$|healthz$|sw\.js$|static\/(?!dist\/))/;
const DOWNLOAD = /\.(?:xlsx|csv|zip|pdf)$/;

const precache = new PrecacheController({ cacheName: "precache" });
precache.addToCacheList(__PRECACHE__);

function mayServe(active: Active): active is Active & { user: number } {
  return active.user !== null && !active.locked;
}

/** Only what the server gave this very person, in full and at this very address. */
function mayStore(response: Response, user: number): boolean {
  return (
    response.status === 200 &&
    response.type === "basic" &&
    !response.redirected &&
    response.headers.get("X-Fieldapp-User") === String(user)
  );
}

/** The oldest go first; Cache Storage lists entries in the order they came. */
async function keep(cacheName: string, url: string, response: Response, most: number): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.delete(url, { ignoreVary: true });
  await cache.put(url, response);
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - most))) await cache.delete(key, { ignoreVary: true });
}

async function held(name: string | null, url: string): Promise<Response | undefined> {
  if (!name || !(await caches.has(name))) return undefined;
  return (await caches.open(name)).match(url, { ignoreVary: true });
}

/** The newer of what the pack brought and what this person saw: a page opened after the pack came shows what changed. */
async function kept(active: Active, url: string): Promise<Response | undefined> {
  if (!mayServe(active)) return undefined;
  const visited = await held(`visited-${active.user}`, url);
  if (visited && givenAt(visited) >= active.asOf) return visited;
  return (await held(active.pack, url)) ?? visited;
}

/** What the network says about who is signed in counts more than what any page remembers. */
async function noticeUser(response: Response): Promise<void> {
  const user = Number(response.headers.get("X-Fieldapp-User"));
  if (response.status !== 200 || response.type !== "basic" || !Number.isSafeInteger(user) || user <= 0) return;
  const before = await readActive();
  if (before.user === user && (!before.locked || before.leaving)) return;
  const same = before.user === user;
  await writeActive({
    user,
    locked: false,
    leaving: false,
    ...(same ? {} : { pack: null, previous: null, checked: 0 }),
  });
  await forgetPages((owner) => owner !== user);
}

function wait(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

function isGateway(response: Response): boolean {
  return [502, 503, 504].includes(response.status);
}

async function shell(): Promise<Response> {
  return (await precache.matchPrecache(SHELL)) ?? Response.error();
}

/** Stored beside the answer, so that the page never waits for it. */
async function remember(event: FetchEvent, url: string, response: Response): Promise<void> {
  if (event.request.mode === "navigate") await noticeUser(response);
  const active = await readActive();
  const isHtml = response.headers.get("Content-Type")?.startsWith("text/html") ?? false;
  if (isHtml && mayServe(active) && mayStore(response, active.user)) {
    await keep(`visited-${active.user}`, url, response, VISITED_MOST);
  }
}

/** Network, for three seconds; then what this phone keeps of it, and at last the shell. */
async function page(event: FetchEvent, url: string): Promise<Response> {
  const network = fetch(event.request).then((response) => {
    const copy = response.clone();
    event.waitUntil(remember(event, url, copy).catch(() => {}));
    return response;
  });
  event.waitUntil(network.catch(() => {}));
  const first = await Promise.race([network.catch(() => null), wait(PATIENCE)]);
  if (first && !isGateway(first)) return first;
  const found = await kept(await readActive(), url);
  if (found) return found;
  if (first) return first;
  const late = await Promise.race([network.catch(() => null), wait(LIMIT)]);
  return late ?? (event.request.mode === "navigate" ? shell() : Response.error());
}

/** A fragment is never stored as a page; what the pack brought under its address may stand in. */
async function fragment(event: FetchEvent, url: string): Promise<Response> {
  try {
    return await fetch(event.request);
  } catch (error) {
    const active = await readActive();
    const name = mayServe(active) ? active.pack : null;
    const found = name ? await (await caches.open(name)).match(url, { ignoreVary: true }) : undefined;
    if (found) return found;
    throw error;
  }
}

async function image(event: FetchEvent, url: string): Promise<Response> {
  const active = await readActive();
  if (!mayServe(active)) return fetch(event.request);
  const name = `files-${active.user}`;
  const found = await (await caches.open(name)).match(url, { ignoreVary: true });
  if (found) return found;
  const response = await fetch(event.request);
  const isImage = response.headers.get("Content-Type")?.startsWith("image/") ?? false;
  if (isImage && mayStore(response, active.user)) {
    event.waitUntil(keep(name, url, response.clone(), FILES_MOST).catch(() => {}));
  }
  return response;
}

type Kind = "page" | "fragment" | "image";

/** Pages beside the pictures: what is missing, and the form to take it again. */
const ABOUT_PHOTOS = /^\/attachments\/(missing|[^/]+\/again)$/;

/** Null: none of our business, the browser does what it always does. */
function kindOf(request: Request, url: URL): Kind | null {
  if (request.method !== "GET" || url.origin !== scope.location.origin) return null;
  if (UNTOUCHED.test(url.pathname) || DOWNLOAD.test(url.pathname) || request.headers.has("Range")) return null;
  if (request.headers.has("X-Fieldapp-Pack")) return null;
  if (url.pathname.startsWith("/attachments/") && !ABOUT_PHOTOS.test(url.pathname))
    return request.destination === "image" ? "image" : null;
  if (request.mode === "navigate") return "page";
  if (request.headers.has("HX-Request")) return "fragment";
  return request.headers.get("Accept")?.includes("text/html") ? "page" : null;
}

// By its address alone: the languages a navigation asks for would miss the copy (Vary).
registerRoute(({ url }) => url.pathname === SHELL, shell);
registerRoute(new PrecacheRoute(precache, { cleanURLs: false, directoryIndex: "" }));
// Hashed names never change what they name. Those of the build before come from its kept cache.
registerRoute(({ url }) => url.pathname.startsWith(ASSETS), new CacheFirst({ cacheName: PREVIOUS_ASSETS }));
registerRoute(
  ({ request, url }) => kindOf(request, url) !== null,
  ({ event, request, url }) => {
    const fetched = event as FetchEvent;
    const address = url.pathname + url.search;
    const kind = kindOf(request, url);
    if (kind === "image") return image(fetched, address);
    return kind === "fragment" ? fragment(fetched, address) : page(fetched, address);
  },
);

/** Files from the share sheet wait for the form; nobody's or a locked phone keeps none and says so. */
async function shared(request: Request): Promise<Response> {
  const active = await readActive();
  if (!mayServe(active)) return Response.redirect("/share?why=signed_out", 303);
  try {
    await storeShared(caches, active.user, await request.formData());
  } catch {
    return Response.redirect("/share?why=failed", 303);
  }
  return Response.redirect(SHARED_AT, 303);
}
registerRoute(
  ({ request, url }) =>
    request.mode === "navigate" && url.origin === scope.location.origin && url.pathname === "/share",
  ({ request }) => shared(request),
  "POST",
);

/** Workbox throws away what the new list does not name; kept pages of the last build still need it once. */
async function keepPreviousAssets(): Promise<void> {
  const now = new Set(precache.getURLsToCacheKeys().values());
  const cache = await caches.open(precache.strategy.cacheName);
  const old = (await cache.keys()).filter(({ url }) => !now.has(url) && new URL(url).pathname.startsWith(ASSETS));
  if (old.length === 0) return;
  await caches.delete(PREVIOUS_ASSETS);
  const previous = await caches.open(PREVIOUS_ASSETS);
  for (const request of old) {
    const response = await cache.match(request);
    if (response) await previous.put(request, response);
  }
}

/** Pages of people who are not here any more. Nothing of the outbox has such a name. */
async function cleanUp(): Promise<void> {
  const { user } = await readActive();
  for (const name of await caches.keys()) {
    const owner = ownerOf(name);
    if (owner !== null && owner !== user) await caches.delete(name);
  }
  await dropOldShares(caches);
}

scope.addEventListener("install", (event) => {
  event.waitUntil(precache.install(event));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    keepPreviousAssets()
      .then(() => precache.activate(event))
      .then(cleanUp)
      // Preloading would ask twice for every navigation that is left to the browser, downloads among them.
      .then(() => scope.registration.navigationPreload?.disable())
      // The very first page, too, may lose its signal before it is left.
      .then(() => scope.clients.claim()),
  );
});

scope.addEventListener("message", (event) => {
  const { data } = event;
  if (data === "activate") void scope.skipWaiting();
  if (data === "claim") event.waitUntil(scope.clients.claim());
});

// Only wakes the pages: they own the outbox and its one sender.
scope.addEventListener("sync" as never, (event: ExtendableEvent & { tag: string }) => {
  if (event.tag !== "outbox") return;
  event.waitUntil(
    scope.clients.matchAll({ type: "window" }).then((clients) => {
      for (const client of clients) client.postMessage("kick");
    }),
  );
});
