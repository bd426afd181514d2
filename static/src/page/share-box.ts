/**
 * What another app shared waits here between the service worker, which takes it in, and the form, which makes photos
 * of its draft of it. One person's at a time, and only the newest: a record is made of it by nobody but its author.
 */
/** The form that takes it, whenever it is opened: a page that was killed before the first photo was kept asks again. */
export const SHARED_AT = "/expenses/new";
/** Nobody means to claim what was shared longer ago than this. */
export const SHARED_DAYS = 7;
const MOST_MS = SHARED_DAYS * 24 * 3_600_000;
/** The name of the field in the manifest. */
const FIELD = "receipt";
const MOST = 10;
const LARGEST = 60_000_000;

const box = (user: number | "") => `share-${user}`;

/** Puts the shared pictures away for this person; throws where there are none or they cannot be kept. */
export async function keepShared(caches: CacheStorage, user: number, form: FormData, now = Date.now()): Promise<void> {
  const files = form.getAll(FIELD).filter((one) => one instanceof File && one.size > 0 && one.size <= LARGEST);
  if (files.length === 0) throw new Error("nothing shared");
  await caches.delete(box(user));
  const cache = await caches.open(box(user));
  for (const [n, file] of (files.slice(0, MOST) as File[]).entries()) {
    const type = file.type || "image/jpeg";
    const headers = { "Content-Type": type, "X-Name": encodeURIComponent(file.name), "X-Kept": String(now) };
    await cache.put(`/__share/${n}`, new Response(file, { headers }));
  }
}

/** Everybody's shares that nobody took in time. */
export async function dropOldShares(caches: CacheStorage, now = Date.now()): Promise<void> {
  for (const name of await caches.keys()) {
    if (!name.startsWith(box(""))) continue;
    const cache = await caches.open(name);
    const [first] = await cache.keys();
    const kept = first && (await cache.match(new URL(first.url).pathname))?.headers.get("X-Kept");
    if (!first || now - Number(kept ?? now) > MOST_MS) await caches.delete(name);
  }
}

/** Each file once; it leaves the box when the next is asked for, so that a page killed on the way finds it again. */
export async function* takeShared(caches: CacheStorage, user: number, now = Date.now()): AsyncGenerator<File> {
  await dropOldShares(caches, now);
  if (!(await caches.has(box(user)))) return;
  const cache = await caches.open(box(user));
  for (const { url } of await cache.keys()) {
    const path = new URL(url).pathname;
    const found = await cache.match(path);
    if (found) {
      const name = decodeURIComponent(found.headers.get("X-Name") ?? "") || "shared.jpg";
      yield new File([await found.arrayBuffer()], name, { type: found.headers.get("Content-Type") ?? "" });
    }
    await cache.delete(path);
  }
  await caches.delete(box(user));
}
