/// <reference lib="webworker" />
/**
 * Service worker: serves pages and assets offline, and stores files shared by other apps (POST `/share`, only Chromium)
 * for a draft. It does not handle `/sync/*`, login and logout. A cached page is shown only to the user that the server
 * named in it.
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
const NETWORK_TIMEOUT_MS = 3000;
const MAX_WAIT_MS = 20_000;
const MAX_VISITED = 60;
const MAX_FILES = 100;
const ASSETS = "/static/dist/";
/** Assets of the previous build, which cached pages still use. */
const PREVIOUS_ASSETS = "assets-previous";
const NOT_HANDLED = /^\/(?:sync(?:\/|$)|login$|logout$|healthz$|sw\.js$|static\/(?!dist\/))/;
const DOWNLOAD = /\.(?:xlsx|csv|zip|pdf)$/;

const precache = new PrecacheController({ cacheName: "precache" });
precache.addToCacheList(__PRECACHE__);

function mayServe(active: Active): active is Active & { user: number } {
  return active.user !== null && !active.locked;
}

/** Return whether this is a complete page of this person, not redirected. */
function mayStore(response: Response, user: number): boolean {
  return (
    response.status === 200 &&
    response.type === "basic" &&
    !response.redirected &&
    response.headers.get("X-Fieldapp-User") === String(user)
  );
}

/** Store a response and delete the oldest over the limit. Cache Storage lists entries in order of insertion. */
async function storeLimited(cacheName: string, url: string, response: Response, max: number): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.delete(url, { ignoreVary: true });
  await cache.put(url, response);
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - max))) await cache.delete(key, { ignoreVary: true });
}

async function matchIn(name: string | null, url: string): Promise<Response | undefined> {
  if (!name || !(await caches.has(name))) return undefined;
  return (await caches.open(name)).match(url, { ignoreVary: true });
}

/** Return the newer of the pack's and the visited copy of a page. */
async function cachedPage(active: Active, url: string): Promise<Response | undefined> {
  if (!mayServe(active)) return undefined;
  const visited = await matchIn(`visited-${active.user}`, url);
  if (visited && givenAt(visited) >= active.asOf) return visited;
  return (await matchIn(active.pack, url)) ?? visited;
}

/** Make the user of a network response the active user: it is newer than any cached page. */
async function applyNetworkUser(response: Response): Promise<void> {
  const user = Number(response.headers.get("X-Fieldapp-User"));
  if (response.status !== 200 || response.type !== "basic" || !Number.isSafeInteger(user) || user <= 0) return;
  const before = await readActive();
  if (before.user === user && (!before.locked || before.leaving)) return;
  const isSameUser = before.user === user;
  await writeActive({
    user,
    locked: false,
    leaving: false,
    ...(isSameUser ? {} : { pack: null, previous: null, checked: 0 }),
  });
  await forgetPages((owner) => owner !== user);
}

function delay(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

function isGatewayError(response: Response): boolean {
  return [502, 503, 504].includes(response.status);
}

async function serveShell(): Promise<Response> {
  return (await precache.matchPrecache(SHELL)) ?? Response.error();
}

/** Cache a page after its response was returned, so that it causes no delay. */
async function cachePage(event: FetchEvent, url: string, response: Response): Promise<void> {
  if (event.request.mode === "navigate") await applyNetworkUser(response);
  const active = await readActive();
  const isHtml = response.headers.get("Content-Type")?.startsWith("text/html") ?? false;
  if (isHtml && mayServe(active) && mayStore(response, active.user)) {
    await storeLimited(`visited-${active.user}`, url, response, MAX_VISITED);
  }
}

/** Serve from the network within three seconds; else from the cache; else wait for the network, then serve the shell. */
async function servePage(event: FetchEvent, url: string): Promise<Response> {
  const network = fetch(event.request).then((response) => {
    const copy = response.clone();
    event.waitUntil(cachePage(event, url, copy).catch(() => {}));
    return response;
  });
  event.waitUntil(network.catch(() => {}));
  const early = await Promise.race([network.catch(() => null), delay(NETWORK_TIMEOUT_MS)]);
  if (early && !isGatewayError(early)) return early;
  const cached = await cachedPage(await readActive(), url);
  if (cached) return cached;
  if (early) return early;
  const late = await Promise.race([network.catch(() => null), delay(MAX_WAIT_MS)]);
  return late ?? (event.request.mode === "navigate" ? serveShell() : Response.error());
}

/** Serve a fragment from the network, else from the pack. Fragments are not cached here. */
async function serveFragment(event: FetchEvent, url: string): Promise<Response> {
  try {
    return await fetch(event.request);
  } catch (error) {
    const active = await readActive();
    const name = mayServe(active) ? active.pack : null;
    const cached = name ? await (await caches.open(name)).match(url, { ignoreVary: true }) : undefined;
    if (cached) return cached;
    throw error;
  }
}

async function serveImage(event: FetchEvent, url: string): Promise<Response> {
  const active = await readActive();
  if (!mayServe(active)) return fetch(event.request);
  const name = `files-${active.user}`;
  const cached = await (await caches.open(name)).match(url, { ignoreVary: true });
  if (cached) return cached;
  const response = await fetch(event.request);
  const isImage = response.headers.get("Content-Type")?.startsWith("image/") ?? false;
  if (isImage && mayStore(response, active.user)) {
    event.waitUntil(storeLimited(name, url, response.clone(), MAX_FILES).catch(() => {}));
  }
  return response;
}

type Kind = "page" | "fragment" | "image";

/** Pages below /attachments/: the list of missing photos and the form for a new one. */
const PHOTO_PAGES = /^\/attachments\/(missing|[^/]+\/again)$/;

/** Return how to serve a request; null: leave it to the browser. */
function kindOfRequest(request: Request, url: URL): Kind | null {
  if (request.method !== "GET" || url.origin !== scope.location.origin) return null;
  if (NOT_HANDLED.test(url.pathname) || DOWNLOAD.test(url.pathname) || request.headers.has("Range")) return null;
  if (request.headers.has("X-Fieldapp-Pack")) return null;
  if (url.pathname.startsWith("/attachments/") && !PHOTO_PAGES.test(url.pathname))
    return request.destination === "image" ? "image" : null;
  if (request.mode === "navigate") return "page";
  if (request.headers.has("HX-Request")) return "fragment";
  return request.headers.get("Accept")?.includes("text/html") ? "page" : null;
}

// Matched by path alone: with Vary the Accept-Language of a navigation would not match the copy.
registerRoute(({ url }) => url.pathname === SHELL, serveShell);
registerRoute(new PrecacheRoute(precache, { cleanURLs: false, directoryIndex: "" }));
// Hashed names are immutable. Assets of the previous build come from its own cache.
registerRoute(({ url }) => url.pathname.startsWith(ASSETS), new CacheFirst({ cacheName: PREVIOUS_ASSETS }));
registerRoute(
  ({ request, url }) => kindOfRequest(request, url) !== null,
  ({ event, request, url }) => {
    const fetched = event as FetchEvent;
    const address = url.pathname + url.search;
    const kind = kindOfRequest(request, url);
    if (kind === "image") return serveImage(fetched, address);
    return kind === "fragment" ? serveFragment(fetched, address) : servePage(fetched, address);
  },
);

/** Store files from the share sheet for the form; without an active user, redirect to a page that says so. */
async function receiveShared(request: Request): Promise<Response> {
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
  ({ request }) => receiveShared(request),
  "POST",
);

/** Copy assets that Workbox is about to delete: cached pages of the previous build need them. */
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

/** Delete cached pages of other people. Caches of the outbox have other names. */
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
      // Preloading would request unhandled navigations twice, downloads among them.
      .then(() => scope.registration.navigationPreload?.disable())
      // Also control the first page, which may lose its signal.
      .then(() => scope.clients.claim()),
  );
});

scope.addEventListener("message", (event) => {
  const { data } = event;
  if (data === "activate") void scope.skipWaiting();
  if (data === "claim") event.waitUntil(scope.clients.claim());
});

// Only wake the pages: the sender runs there.
scope.addEventListener("sync" as never, (event: ExtendableEvent & { tag: string }) => {
  if (event.tag !== "outbox") return;
  event.waitUntil(
    scope.clients.matchAll({ type: "window" }).then((clients) => {
      for (const client of clients) client.postMessage("kick");
    }),
  );
});
