import assert from "node:assert/strict";
import test from "node:test";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { DAY, expense, HOUR, MINUTE, newId, Phone, states, type Tab, visit } from "./harness.ts";

async function at(tab: Tab, op: string): Promise<Envelope["at"]> {
  return (JSON.parse((await tab.engine.get(op))?.body ?? "") as Envelope).at;
}

test("54 before any hello the clock's error is unknown and said to be", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense());
  const expected = { utc: "2026-11-22T09:14:03.120Z", tz: "Asia/Shanghai", offset_ms: null, offset_age_s: null };
  assert.deepEqual(await at(tab, op), expected);
});

test("54 after hello the offset and its age go with every record, also after a reload", async () => {
  const phone = new Phone();
  phone.server.skewMs = 3 * 365 * DAY;
  const tab = await phone.open();
  await phone.settle();
  await phone.run(90 * MINUTE);
  phone.offline = true;
  tab.kill();
  const again = await phone.open();
  const stamp = await at(again, (await again.engine.capture(expense())).op);
  assert.equal(stamp.offset_ms, 3 * 365 * DAY);
  assert.equal(stamp.offset_age_s, 5400);
});

test("54 a clock turned back neither reorders nor delays: order goes by number", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.fault = () => "cut";
  const id = newId();
  await tab.engine.capture(visit("visit.arrive", id));
  phone.now -= 3 * 365 * DAY;
  const second = await tab.engine.capture(visit("visit.finish", id));
  assert.equal((await at(tab, second.op)).offset_ms, null);
  await phone.settle();
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted"]);
  const kinds = phone.server.applied.map((op) => phone.server.ledger.get(op)?.envelope.kind);
  assert.deepEqual(kinds, ["visit.arrive", "visit.finish"]);
});

test("54 a parked record is not stranded for years by a clock that was ahead", async () => {
  const phone = new Phone();
  phone.now += 3 * 365 * DAY;
  const tab = await phone.open();
  phone.server.poisoned = () => true;
  await tab.engine.capture(expense());
  await phone.run(10 * MINUTE);
  assert.deepEqual(await states(tab), ["parked"]);
  phone.server.poisoned = () => false;
  phone.now -= 3 * 365 * DAY;
  tab.engine.kick("visible");
  await phone.settle();
  assert.deepEqual(await states(tab), ["accepted"]);
});
