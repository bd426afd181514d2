import assert from "node:assert/strict";
import test from "node:test";
import { BOGUS, HTML } from "./bogus-replies.ts";
import { expense, HOUR, Phone } from "./harness.ts";

for (const [name, reply] of BOGUS) {
  test(`14 20 bogus reply: ${name} never counts as received`, async () => {
    const phone = new Phone();
    const tab = await phone.open();
    await phone.settle();
    let bogus = 0;
    phone.fault = (asked) => {
      if (asked.path !== "/sync/push" || bogus >= 2) return "pass";
      bogus++;
      const body = (JSON.parse(asked.body as string) as { ops: string[] }).ops[0] ?? "";
      const { op } = JSON.parse(body) as { op: string };
      return reply({ op, sha256: sha256.get(op) ?? "" });
    };
    const sha256 = new Map<string, string>();
    phone.offline = true;
    const { op } = await tab.engine.capture(expense());
    sha256.set(op, (await tab.engine.get(op))?.sha256 ?? "");
    await phone.settle();
    phone.offline = false;
    tab.engine.kick("online");
    await phone.settle();
    assert.ok(bogus > 0);
    const row = await tab.engine.get(op);
    assert.ok(row && ["saved", "parked"].includes(row.state), row?.state);
    assert.equal(row.receivedAt, null);
    await phone.run(2 * HOUR);
    assert.equal((await tab.engine.get(op))?.state, "accepted");
    assert.equal(phone.server.applied.length, 1);
  });
}

test("14 a portal that answers everything shows as foreign, keeps the record and sends it later", async () => {
  const phone = new Phone();
  phone.fault = () => new Response("<html>Wi-Fi", { headers: HTML });
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense());
  await phone.settle();
  assert.equal(tab.engine.link(), "foreign");
  assert.equal(phone.server.log.length, 0);
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.equal(tab.engine.link(), "online");
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

test("15 a redirect to the login page is a failed request, not an answer", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  phone.fault = () => "redirect";
  const { op } = await tab.engine.capture(expense());
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "saved");
});

test("14 a server of another instance is not told anything but hello", async () => {
  const phone = new Phone();
  Object.defineProperty(phone.server, "instance", { value: "first", writable: true });
  (await phone.open()).kill();
  const first = await phone.open();
  await phone.settle();
  first.kill();
  Object.defineProperty(phone.server, "instance", { value: "second" });
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.equal(tab.engine.link(), "foreign");
  assert.equal(phone.server.count("/sync/push"), 0);
});
