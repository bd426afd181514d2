import assert from "node:assert/strict";
import test from "node:test";
import { sha } from "./fake-server.ts";
import { expense, HOUR, MINUTE, newId, Phone, visit } from "./harness.ts";

test("49 a record the server fails on holds back nobody else and is parked after three identical errors", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  phone.server.poisoned = (envelope) => envelope.kind === "bad.one";
  for (let i = 0; i < 50; i++) await tab.engine.capture(expense());
  const bad = await tab.engine.capture(visit("bad.one", newId()));
  for (let i = 0; i < 49; i++) await tab.engine.capture(expense());
  phone.offline = false;
  tab.engine.kick("online");
  await phone.settle();
  assert.equal(phone.server.applied.length, 99);
  await phone.run(10 * MINUTE);
  assert.equal((await tab.engine.get(bad.op))?.state, "parked");
  assert.equal((await tab.engine.counts()).unsent, 1);
  const before = phone.server.count("/sync/push");
  await phone.run(5 * HOUR);
  assert.ok(phone.server.count("/sync/push") - before <= 6);
  phone.server.poisoned = () => false;
  await phone.run(2 * HOUR);
  assert.equal((await tab.engine.get(bad.op))?.state, "accepted");
});

test("49 a parked record goes at once when a person says so", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  phone.server.poisoned = () => true;
  const { op } = await tab.engine.capture(expense());
  await phone.run(10 * MINUTE);
  assert.equal((await tab.engine.get(op))?.state, "parked");
  phone.server.poisoned = () => false;
  tab.engine.kick("visible");
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "parked");
  tab.engine.kick("tap");
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

test("49 a record that crashes the whole batch is found by halves", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  for (let i = 0; i < 20; i++) await tab.engine.capture(expense());
  const bad = await tab.engine.capture(visit("bad.one", newId()));
  for (let i = 0; i < 20; i++) await tab.engine.capture(expense());
  phone.offline = false;
  phone.fault = (asked) => {
    const crashes = asked.path === "/sync/push" && (asked.body as string).includes("bad.one");
    return crashes ? new Response("Internal Server Error", { status: 500 }) : "pass";
  };
  tab.engine.kick("online");
  await phone.run(5 * MINUTE);
  assert.equal(phone.server.applied.length, 40);
  assert.equal((await tab.engine.get(bad.op))?.state, "parked");
});

test("21 a server that is down altogether blames no record", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.fault = () => new Response("Bad gateway", { status: 502 });
  const { op } = await tab.engine.capture(expense());
  await phone.run(10 * HOUR);
  assert.equal((await tab.engine.get(op))?.state, "saved");
  phone.fault = () => "pass";
  await phone.run(6 * MINUTE);
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

test("58 a schema the server does not know waits for the update and is never parked or dropped", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  phone.fault = (asked) => (asked.path === "/sync/push" ? unsupported(phone, asked.body as string) : "pass");
  const { op } = await tab.engine.capture(expense());
  await phone.run(2 * HOUR);
  assert.equal((await tab.engine.get(op))?.state, "saved");
  assert.ok(((await tab.engine.get(op))?.attempts ?? 99) < 80);
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

function unsupported(phone: Phone, body: string): Response {
  const { ops } = JSON.parse(body) as { ops: string[] };
  const results = ops.map((text) => ({
    op: (JSON.parse(text) as { op: string }).op,
    sha256: sha(text),
    outcome: "unsupported_schema",
  }));
  return phone.server.json({ results });
}
