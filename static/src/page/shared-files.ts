/**
 * Files shared by another app: the service worker stores them, and the expense form adds them to its draft as photos. One
 * set per person, only the newest. A record is made only when the person submits the form.
 */
/** Address of the form that takes the files whenever it is opened. */
export const SHARED_AT = "/expenses/new";
/** Days after which shared files are deleted. */
export const SHARED_DAYS = 7;
const MAX_AGE_MS = SHARED_DAYS * 24 * 3_600_000;
/** Name of the file field in the manifest. */
const FIELD = "receipt";
const MAX_FILES = 10;
const MAX_FILE_BYTES = 60_000_000;

const cacheName = (user: number | "") => `share-${user}`;

/** Store the shared pictures for this person. Throws if there are none or they cannot be stored. */
export async function storeShared(caches: CacheStorage, user: number, form: FormData, now = Date.now()): Promise<void> {
  const files = form
    .getAll(FIELD)
    .filter((file) => file instanceof File && file.size > 0 && file.size <= MAX_FILE_BYTES);
  if (files.length === 0) throw new Error("nothing shared");
  await caches.delete(cacheName(user));
  const cache = await caches.open(cacheName(user));
  for (const [n, file] of (files.slice(0, MAX_FILES) as File[]).entries()) {
    const type = file.type || "image/jpeg";
    const headers = { "Content-Type": type, "X-Name": encodeURIComponent(file.name), "X-Kept": String(now) };
    await cache.put(`/__share/${n}`, new Response(file, { headers }));
  }
}

/** Delete expired files of all people. */
export async function dropOldShares(caches: CacheStorage, now = Date.now()): Promise<void> {
  for (const name of await caches.keys()) {
    if (!name.startsWith(cacheName(""))) continue;
    const cache = await caches.open(name);
    const [first] = await cache.keys();
    const storedAt = first && (await cache.match(new URL(first.url).pathname))?.headers.get("X-Kept");
    if (!first || now - Number(storedAt ?? now) > MAX_AGE_MS) await caches.delete(name);
  }
}

/** Yield each file and delete it when the next is requested, so that a killed page finds it again. */
export async function* takeShared(caches: CacheStorage, user: number, now = Date.now()): AsyncGenerator<File> {
  await dropOldShares(caches, now);
  if (!(await caches.has(cacheName(user)))) return;
  const cache = await caches.open(cacheName(user));
  for (const { url } of await cache.keys()) {
    const path = new URL(url).pathname;
    const entry = await cache.match(path);
    if (entry) {
      const name = decodeURIComponent(entry.headers.get("X-Name") ?? "") || "shared.jpg";
      yield new File([await entry.arrayBuffer()], name, { type: entry.headers.get("Content-Type") ?? "" });
    }
    await cache.delete(path);
  }
  await caches.delete(cacheName(user));
}
