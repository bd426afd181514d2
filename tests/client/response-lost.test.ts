import assert from "node:assert/strict";
import test from "node:test";
import { expense, HOUR, Phone, states } from "./harness.ts";

test("1 response lost after commit: the same bytes go again and the replayed receipt counts", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  let lost = 0;
  phone.fault = (asked) => (asked.path === "/sync/push" && lost++ < 3 ? "lost" : "pass");
  const { op } = await tab.engine.capture(expense());
  await phone.run(HOUR);
  const row = await tab.engine.get(op);
  assert.equal(row?.state, "accepted");
  assert.equal(row?.result?.replayed, true);
  assert.deepEqual(phone.server.applied, [op]);
  const bodies = new Set(phone.server.log.filter((entry) => entry.path === "/sync/push").map((entry) => entry.body));
  assert.equal(bodies.size, 1);
});

test("12 the queue never removes before the receipt: killed at every point of a send, nothing is lost or doubled", async () => {
  for (const point of ["capture:committed", "push:marked", "push:answered", "results:committed"]) {
    const phone = new Phone();
    const tab = await phone.open();
    await phone.settle();
    phone.killAt = point;
    await Promise.race([tab.engine.capture(expense()).then(() => phone.settle()), tab.dead]);
    assert.equal(tab.alive, false, point);
    const next = await phone.open();
    await phone.run(HOUR);
    assert.deepEqual(await states(next), ["accepted"], point);
    assert.equal(phone.server.applied.length, 1, point);
  }
});

test("20 half an answer: named records are received, the others go again", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  for (let i = 0; i < 4; i++) await tab.engine.capture(expense());
  await phone.settle();
  phone.offline = false;
  let cut = false;
  phone.fault = (asked) => {
    if (asked.path !== "/sync/push" || cut) return "pass";
    cut = true;
    const ops = (JSON.parse(asked.body as string) as { ops: string[] }).ops;
    return phone.server.handle({ ...asked, body: JSON.stringify({ ops: ops.slice(0, 2) }) });
  };
  tab.engine.kick("online");
  await phone.settle();
  assert.deepEqual(await states(tab), ["accepted", "accepted", "saved", "saved"]);
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted", "accepted", "accepted"]);
});

test("7 38 a server restored from a backup is offered the last 30 days again", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  phone.server.ledger.clear();
  phone.server.applied = [];
  phone.server.epoch = "2";
  tab.engine.kick("visible");
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal(phone.server.applied.length, 1);
});
