import assert from "node:assert/strict";
import { test } from "node:test";
import { dropOldShares, SHARED_AT, SHARED_DAYS, storeShared, takeShared } from "../../static/src/page/shared-files.ts";
import { FakeCaches } from "./fake-caches.ts";

function shared(...files: File[]): FormData {
  const form = new FormData();
  form.set("title", "receipt");
  for (const file of files) form.append("receipt", file);
  return form;
}

const picture = (name: string) => new File([new Uint8Array([255, 216, 255])], name, { type: "image/jpeg" });

async function names(caches: CacheStorage, user: number): Promise<string[]> {
  const found: string[] = [];
  for await (const file of takeShared(caches, user)) found.push(file.name);
  return found;
}

test("what was shared is taken once, by whom it was shared for", async () => {
  const caches = new FakeCaches().view(() => true);
  await storeShared(caches, 7, shared(picture("taxi.jpg"), picture("\u5c0f\u7968.jpg")));
  assert.deepEqual(await names(caches, 8), []);
  assert.deepEqual(await names(caches, 7), ["taxi.jpg", "\u5c0f\u7968.jpg"]);
  assert.deepEqual(await names(caches, 7), []);
});

test("a page killed on the way finds again what it had not taken in", async () => {
  const caches = new FakeCaches().view(() => true);
  await storeShared(caches, 7, shared(picture("a.jpg"), picture("b.jpg")));
  const going = takeShared(caches, 7);
  await going.next();
  assert.deepEqual(await names(caches, 7), ["a.jpg", "b.jpg"]);
});

test("only the newest share waits, and not without end", async () => {
  const caches = new FakeCaches().view(() => true);
  await storeShared(caches, 7, shared(picture("old.jpg"), picture("older.jpg")));
  await storeShared(caches, 7, shared(...Array.from({ length: 30 }, (_, n) => picture(`${n}.jpg`))));
  const found = await names(caches, 7);
  assert.equal(found.length, 10);
  assert.equal(found[0], "0.jpg");
});

test("a share without a picture is refused", async () => {
  const caches = new FakeCaches().view(() => true);
  await assert.rejects(storeShared(caches, 7, shared()));
  await assert.rejects(storeShared(caches, 7, shared(new File([], "empty.jpg"))));
});

test("the form asks the box itself: its address carries no mark that a killed page would lose", () => {
  assert.equal(SHARED_AT, "/expenses/new");
});

test("what nobody took for days goes, whoever it belongs to, and what is newer stays", async () => {
  const all = new FakeCaches();
  const caches = all.view(() => true);
  const now = Date.parse("2026-11-22T09:14:03Z");
  const days = (n: number) => now - n * 24 * 3_600_000;
  await storeShared(caches, 7, shared(picture("old.jpg")), days(SHARED_DAYS + 1));
  await storeShared(caches, 8, shared(picture("old.jpg")), days(SHARED_DAYS + 1));
  await storeShared(caches, 9, shared(picture("new.jpg")), days(SHARED_DAYS - 1));
  const found: string[] = [];
  for await (const file of takeShared(caches, 7, now)) found.push(file.name);
  assert.deepEqual(found, []);
  await dropOldShares(caches, now);
  assert.deepEqual([...all.stores.keys()], ["share-9"]);
});
