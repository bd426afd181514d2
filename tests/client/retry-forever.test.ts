import assert from "node:assert/strict";
import test from "node:test";
import { backoff } from "../../static/src/engine/backoff.ts";
import { DAY, expense, HOUR, MINUTE, Phone, states } from "./harness.ts";

test("13 five hundred failures and two months later the record is still there and goes", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  let failures = 0;
  phone.fault = () => {
    failures++;
    return "cut";
  };
  const { op } = await tab.engine.capture(expense());
  await phone.run(2 * DAY);
  assert.ok(failures > 500, String(failures));
  phone.now += 60 * DAY;
  phone.fault = () => "pass";
  await phone.run(6 * MINUTE);
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

test("69 the pauses grow to five minutes with full jitter and start over when something happens", async () => {
  for (let n = 1; n < 2000; n++) assert.ok(backoff(n, 1) <= 5 * MINUTE && backoff(n, 0) > 0);
  assert.deepEqual([backoff(1, 1), backoff(2, 1), backoff(3, 1), backoff(9, 1)], [2000, 4000, 8000, 300_000]);
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  let tries = 0;
  phone.fault = () => {
    tries++;
    return "cut";
  };
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  const before = tries;
  tab.engine.kick("visible");
  await phone.settle();
  assert.equal(tries, before + 1);
});

test("22 Retry-After is honoured for everything, also against a person's tap", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.fault = () => new Response("busy", { status: 503, headers: { "Retry-After": "600" } });
  await tab.engine.capture(expense());
  await phone.settle();
  const asked: number[] = [];
  phone.fault = () => {
    asked.push(phone.now);
    return "pass";
  };
  const start = phone.now;
  tab.engine.kick("tap");
  await phone.run(9 * MINUTE);
  assert.deepEqual(asked, []);
  await phone.run(2 * MINUTE);
  assert.ok((asked[0] ?? 0) - start >= 600_000);
  assert.deepEqual(await states(tab), ["accepted"]);
});

test("22 a portal that says come back in ten years is asked again within the hour", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  phone.fault = () => new Response("", { status: 429, headers: { "Retry-After": "315360000" } });
  await tab.engine.capture(expense());
  await phone.settle();
  phone.fault = () => "pass";
  await phone.run(HOUR + MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
});

test("17 a network that takes everything and never answers is given up after thirty seconds", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  let hung = 0;
  phone.fault = () => (hung++ === 0 ? "hang" : "pass");
  await tab.engine.capture(expense());
  await phone.run(29_000);
  assert.deepEqual(await states(tab), ["sending"]);
  await phone.run(2 * MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
});

test("23 413 halves the batch until it fits", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  for (let i = 0; i < 20; i++) await tab.engine.capture(expense());
  await phone.settle();
  phone.offline = false;
  phone.fault = (asked) => {
    const tooMany = asked.path === "/sync/push" && (JSON.parse(asked.body as string) as { ops: [] }).ops.length > 3;
    return tooMany ? phone.server.json({}, 413) : "pass";
  };
  tab.engine.kick("online");
  await phone.settle();
  assert.equal(phone.server.applied.length, 20);
  assert.ok(phone.server.count("/sync/hello") <= 2);
});

test("11 stale sending marks of a dead tab do not stop the record", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.fault = (asked) => (asked.path === "/sync/push" ? "hang" : "pass");
  await tab.engine.capture(expense());
  await phone.settle();
  tab.kill();
  phone.fault = () => "pass";
  phone.offline = true;
  const again = await phone.open();
  await phone.settle();
  assert.deepEqual(await states(again), ["saved"]);
  phone.offline = false;
  again.engine.kick("online");
  await phone.settle();
  assert.deepEqual(await states(again), ["accepted"]);
});

test("22 Retry-After may be a date, counted from the phone's own clock", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  const until = new Date(phone.now + 600_000).toUTCString();
  phone.fault = () => new Response("busy", { status: 503, headers: { "Retry-After": until } });
  await tab.engine.capture(expense());
  await phone.settle();
  const asked: number[] = [];
  phone.fault = () => {
    asked.push(phone.now);
    return "pass";
  };
  const start = phone.now;
  await phone.run(15 * MINUTE);
  assert.ok((asked[0] ?? 0) - start >= 599_000, String((asked[0] ?? 0) - start));
  assert.deepEqual(await states(tab), ["accepted"]);
});

for (const value of ["", "soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999999999"]) {
  test(`22 a Retry-After of "${value}" neither stops the sender nor makes it hammer`, async () => {
    const phone = new Phone();
    const tab = await phone.open();
    await phone.settle();
    let tries = 0;
    phone.fault = () => {
      tries++;
      return new Response("", { status: 503, headers: { "Retry-After": value } });
    };
    await tab.engine.capture(expense());
    await phone.run(10 * MINUTE);
    assert.ok(tries < 60, `${tries} tries in ten minutes`);
    phone.fault = () => "pass";
    await phone.run(HOUR);
    assert.deepEqual(await states(tab), ["accepted"]);
  });
}
