import { type Active, givenAt, readActive, writeActive } from "./active.ts";
import { session } from "./session.ts";

interface Entry {
  url: string;
  etag: string;
}

interface Manifest {
  gen: string;
  entries: Entry[];
  gone: string[];
  asOf: number;
}

/** Least time between two looks. The server draws every page of the pack to answer one. */
const PAUSE = 300_000;
const AT_ONCE = 2;

const packName = (user: number, gen: string) => `pack-${user}-${gen}`;

async function loadManifest(): Promise<Manifest | null> {
  const answer = await fetch("/sync/pack", { cache: "no-store", redirect: "error", credentials: "same-origin" });
  const ours = answer.headers.get("X-Fieldapp") === session.instance;
  if (!answer.ok || !ours || !answer.headers.get("Content-Type")?.startsWith("application/json")) return null;
  const manifest = (await answer.json()) as Partial<Manifest>;
  if (typeof manifest.gen !== "string" || !Array.isArray(manifest.entries)) return null;
  return { gen: manifest.gen, entries: manifest.entries, gone: manifest.gone ?? [], asOf: givenAt(answer) };
}

/** Return the copy of the page as the server has it now, or null. */
async function currentCopy(cache: Cache | null, entry: Entry): Promise<Response | null> {
  const held = await cache?.match(entry.url, { ignoreVary: true });
  return held && held.headers.get("ETag") === entry.etag ? held : null;
}

/** Fetch a page of this person; null where it is not there any more. */
async function fetchPage(entry: Entry, user: number): Promise<Response | null> {
  const answer = await fetch(entry.url, {
    headers: { "X-Fieldapp-Pack": "1" },
    cache: "no-store",
    redirect: "error",
    credentials: "same-origin",
  });
  if ([403, 404, 410].includes(answer.status)) return null;
  if (answer.status !== 200 || answer.redirected || answer.headers.get("X-Fieldapp-User") !== String(user)) {
    throw new Error(`pack ${entry.url}`);
  }
  const headers = new Headers(answer.headers);
  headers.delete("Content-Encoding");
  const html = await answer.text();
  await import("./fact-store.ts").then(({ keepFactsOfPage }) => keepFactsOfPage(user, html)).catch(() => {});
  return new Response(html, { status: 200, headers });
}

async function fillPack(into: Cache, from: Cache | null, entries: Entry[], user: number): Promise<void> {
  const queue = [...entries];
  async function work(): Promise<void> {
    for (let entry = queue.shift(); entry; entry = queue.shift()) {
      // What an interrupted run already brought is not fetched again.
      if (await currentCopy(into, entry)) continue;
      const page = (await currentCopy(from, entry)) ?? (await fetchPage(entry, user));
      if (page) await into.put(entry.url, page);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function forget(active: Active, user: number, urls: string[]): Promise<void> {
  for (const name of [active.pack, active.previous, `visited-${user}`]) {
    if (!name || !(await caches.has(name))) continue;
    const cache = await caches.open(name);
    for (const url of urls) await cache.delete(url, { ignoreVary: true });
  }
}

async function renew(user: number, active: Active): Promise<void> {
  const manifest = await loadManifest();
  if (!manifest) return;
  await forget(active, user, manifest.gone);
  const name = packName(user, manifest.gen);
  const from = active.pack ? await caches.open(active.pack) : null;
  await fillPack(await caches.open(name), from, manifest.entries, user);
  const now = await readActive();
  // Somebody logged out or in meanwhile: these pages are nobody's any more.
  if (now.user !== user || now.locked) return void (await caches.delete(name));
  // Only now: whoever leaves a page half-way through goes on with the next one.
  const checked = Date.now();
  if (now.pack === name) return void (await writeActive({ checked, asOf: manifest.asOf }));
  await writeActive({ pack: name, previous: now.pack, checked, asOf: manifest.asOf });
  for (const other of await caches.keys()) {
    if (other.startsWith(`pack-${user}-`) && other !== name && other !== now.pack) await caches.delete(other);
  }
}

/** Brings this person's pages onto the phone; one tab at a time, never complains. */
export async function refreshPack(atOnce = false): Promise<void> {
  const user = session.userId;
  if (user === null || navigator.onLine === false || !("caches" in window)) return;
  const run = async () => {
    const active = await readActive();
    if (active.user !== user || active.locked) return;
    if (!atOnce && Date.now() - active.checked < PAUSE && active.checked <= Date.now()) return;
    await renew(user, active);
  };
  try {
    if (!navigator.locks) await run();
    else {
      await navigator.locks.request(`pack-${user}`, { ifAvailable: true }, async (lock) => {
        // A page in the browser's memory must not keep the others from it.
        const left = new Promise((resolve) => addEventListener("pagehide", resolve, { once: true }));
        if (lock) await Promise.race([run(), left]);
      });
    }
  } catch {
    // Half a pack is never switched to; the next visit goes on where this one stopped.
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** After records were received the pages changed too; a burst of receipts asks once. */
export function refreshPackSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void refreshPack(true), 5000);
}
