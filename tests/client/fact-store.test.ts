import assert from "node:assert/strict";
import { test } from "node:test";
import { loadFacts, MAX_FACTS, storeFacts } from "../../static/src/page/fact-store.ts";
import { FakeCaches } from "./fake-caches.ts";

const stated = (from: number, to: number, at: number) =>
  new Map(Array.from({ length: to - from }, (_, n) => [`job:${from + n}`, { at, value: { state: "open" } }]));

test("of the facts on a phone the oldest go, and one that was stated again is not old", async () => {
  const caches = new FakeCaches();
  Object.assign(globalThis, { caches: caches.view(() => true) });
  await storeFacts(7, stated(0, MAX_FACTS, 1));
  await storeFacts(7, stated(0, 1, 2));
  await storeFacts(7, stated(MAX_FACTS, MAX_FACTS + 10, 3));
  assert.equal(caches.entries("visited-7-facts").length, MAX_FACTS);
  const known = await loadFacts(7, ["job:0", "job:1", `job:${MAX_FACTS + 9}`]);
  assert.deepEqual([...known.keys()], ["job:0", `job:${MAX_FACTS + 9}`]);
});
