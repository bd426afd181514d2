import assert from "node:assert/strict";
import { test } from "node:test";
import { FACTS_MOST, factsOf, keepFacts } from "../../static/src/page/fact-store.ts";
import { FakeCaches } from "./fake-caches.ts";

const stated = (from: number, to: number, at: number) =>
  new Map(Array.from({ length: to - from }, (_, n) => [`job:${from + n}`, { at, value: { state: "open" } }]));

test("of the facts on a phone the oldest go, and one that was stated again is not old", async () => {
  const caches = new FakeCaches();
  Object.assign(globalThis, { caches: caches.view(() => true) });
  await keepFacts(7, stated(0, FACTS_MOST, 1));
  await keepFacts(7, stated(0, 1, 2));
  await keepFacts(7, stated(FACTS_MOST, FACTS_MOST + 10, 3));
  assert.equal(caches.entries("visited-7-facts").length, FACTS_MOST);
  const known = await factsOf(7, ["job:0", "job:1", `job:${FACTS_MOST + 9}`]);
  assert.deepEqual([...known.keys()], ["job:0", `job:${FACTS_MOST + 9}`]);
});
