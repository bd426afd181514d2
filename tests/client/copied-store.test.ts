/** A store that was copied to another phone, or set back by a backup: from the server's word on it numbers its own. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { expense, HOUR, Phone, states } from "./harness.ts";

type Tab = Awaited<ReturnType<Phone["open"]>>;

async function numbers(tab: Tab): Promise<[string, number][]> {
  const rows = (await tab.engine.list()).reverse();
  return rows.map((row) => JSON.parse(row.body) as Envelope).map(({ ep, seq }) => [ep, seq]);
}

/** One record arrived, one waits; then the server says that the epoch is used twice. */
async function told(): Promise<{ phone: Phone; tab: Tab; ep: string }> {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.settle();
  phone.fault = (asked) => (asked.path === "/sync/push" ? "cut" : "pass");
  await tab.engine.capture(expense());
  const [first] = await numbers(tab);
  const ep = first?.[0] ?? "";
  phone.server.leaveEpoch = ep;
  await phone.run(HOUR);
  return { phone, tab, ep };
}

test("what comes is numbered in a new epoch, what waits keeps its bytes, all of it arrives", async () => {
  const { phone, tab, ep } = await told();
  await tab.engine.capture(expense());
  await tab.engine.capture(expense());
  const [, , third, fourth] = await numbers(tab);
  assert.notEqual(third?.[0], ep);
  assert.deepEqual(await numbers(tab), [
    [ep, 1],
    [ep, 2],
    [third?.[0], 1],
    [third?.[0], 2],
  ]);
  assert.equal(fourth?.[0], third?.[0]);
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted", "accepted", "accepted"]);
  assert.equal(phone.server.applied.length, 4);
  assert.deepEqual(tab.engine.hello()?.missingSeqs, []);
});

test("the epoch is left once, also where two tabs are open and where the server says it again", async () => {
  const { phone, tab } = await told();
  await phone.open();
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  await tab.engine.capture(expense());
  const [, , third, fourth] = await numbers(tab);
  assert.deepEqual([third?.[1], fourth?.[1]], [1, 2]);
  assert.equal(third?.[0], fourth?.[0]);
});

test("an epoch that is not the present one is no reason to leave it", async () => {
  const { phone, tab } = await told();
  await tab.engine.capture(expense());
  const [, , third] = await numbers(tab);
  await phone.run(HOUR);
  await tab.engine.capture(expense());
  assert.deepEqual((await numbers(tab)).at(-1), [third?.[0], 2]);
});
