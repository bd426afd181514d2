import assert from "node:assert/strict";
import test from "node:test";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { sha } from "./fake-server.ts";
import { expense, HOUR, newId, Phone, states, visit } from "./harness.ts";

test("46 records go in order of capture, each naming those of this phone it speaks of", async () => {
  const phone = new Phone();
  phone.offline = true;
  phone.server.limits.batch_ops = 2;
  const tab = await phone.open();
  const id = newId();
  const arrive = await tab.engine.capture(visit("visit.arrive", id));
  const item = expense();
  const bought = await tab.engine.capture(item);
  const report = await tab.engine.capture(visit("visit.report", id, { lines: [{ item: item.agg[1] }] }));
  await tab.engine.capture(expense());
  const body = JSON.parse((await tab.engine.get(report.op))?.body ?? "") as Envelope;
  assert.deepEqual(body.depends, [arrive.op, bought.op]);
  await phone.settle();
  phone.offline = false;
  tab.engine.kick("online");
  await phone.settle();
  const seqs = phone.server.applied.map((op) => phone.server.ledger.get(op)?.envelope.seq);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
});

test("46 received records are no longer depended on", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const id = newId();
  await tab.engine.capture(visit("visit.arrive", id));
  await phone.settle();
  const { op } = await tab.engine.capture(visit("visit.finish", id));
  assert.deepEqual((JSON.parse((await tab.engine.get(op))?.body ?? "") as Envelope).depends, []);
});

test("46 51 a record that came back in conflict is not depended on", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const id = newId();
  await tab.engine.capture(visit("visit.accept", id, { clash: "yes" }));
  await phone.settle();
  const { op } = await tab.engine.capture(visit("visit.accept", id));
  await phone.settle();
  assert.deepEqual((JSON.parse((await tab.engine.get(op))?.body ?? "") as Envelope).depends, []);
  assert.deepEqual(await states(tab), ["conflict", "accepted"]);
});

test("46 49 a busy record holds back only its own lane", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const id = newId();
  phone.server.poisoned = (envelope) => envelope.kind === "visit.arrive";
  await tab.engine.capture(visit("visit.arrive", id));
  await tab.engine.capture(visit("visit.finish", id));
  await tab.engine.capture(visit("visit.finish", newId()));
  await phone.run(HOUR / 2);
  const [arrive, finish, other] = await states(tab);
  assert.deepEqual([arrive, other], ["parked", "accepted"]);
  assert.ok(finish === "saved" || finish === "held", finish);
  phone.server.poisoned = () => false;
  await phone.run(2 * HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted", "accepted"]);
});

test("46 47 a held record is asked about again until it is decided", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  const parent = newId();
  phone.fault = (asked) => {
    if (asked.path !== "/sync/push") return "pass";
    const { ops } = JSON.parse(asked.body as string) as { ops: string[] };
    const needy = ops.map((body) => body.replace('"depends":[]', `"depends":["${parent}"]`));
    phone.server.handle({ ...asked, body: JSON.stringify({ ops: needy }) });
    for (const entry of phone.server.ledger.values()) entry.sha256 = sha(ops[0] ?? "");
    return phone.server.handle({ ...asked, path: "/sync/receipts", body: JSON.stringify({ ops: [opOf(ops[0])] }) });
  };
  const { op } = await tab.engine.capture(visit("visit.finish", newId()));
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "held");
  assert.equal((await tab.engine.counts()).unsent, 1);
  const entry = phone.server.ledger.get(op);
  assert.ok(entry);
  entry.outcome = "accepted";
  await phone.run(HOUR);
  assert.equal((await tab.engine.get(op))?.state, "accepted");
  assert.equal(phone.server.count("/sync/push"), 1);
});

test("31 the envelope has exactly the agreed keys in their order, hashed as frozen", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op, ref } = await tab.engine.capture(expense());
  const row = await tab.engine.get(op);
  const envelope = JSON.parse(row?.body ?? "") as Envelope;
  const keys = "v op dev ep user seq kind schema build agg base depends supersedes at data atts";
  assert.equal(Object.keys(envelope).join(" "), keys);
  assert.equal(row?.sha256, sha(row?.body ?? ""));
  assert.match(ref, /^[A-HJ-NP-Z][2-9A-HJ-NP-Z]-0001$/);
  assert.match(envelope.op, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(envelope.dev, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(envelope.ep, /^[0-9a-f]{8}$/);
  assert.equal(envelope.user, 17);
});

function opOf(body: string | undefined): string {
  return (JSON.parse(body ?? "{}") as { op: string }).op;
}
