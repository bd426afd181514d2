/** Failure modes 31 and 32, figure 15: when both stores are gone, the first hello lets the server name what is missing. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import test from "node:test";
import { DAY, expense, HOUR, newId, Phone, visit } from "./harness.ts";

/** One record arrived, the server has heard of three more. */
async function withThreeWaiting(): Promise<Phone> {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.settle();
  phone.fault = (asked) => (asked.path === "/sync/push" ? "cut" : "pass");
  for (let i = 0; i < 3; i++) await tab.engine.capture(expense());
  await phone.run(HOUR);
  return phone;
}

async function wiped(phone: Phone, mirror: boolean) {
  phone.wipeDatabases();
  if (mirror) phone.caches.stores.clear();
  const from = phone.server.log.length;
  const tab = await phone.open();
  await phone.run(1);
  return { tab, hellos: phone.server.log.slice(from).filter(({ path }) => path === "/sync/hello") };
}

test("31 figure 15: however many were received, waited and were discarded, the first hello names those that are gone", async () => {
  const seed = Number(process.env.SEED ?? "15");
  const rounds = Number(process.env.ROUNDS ?? "20");
  const found = { rounds, seed, named: 0, gone: 0, wrong: 0 };
  let state = seed;
  const upTo = (most: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * (most + 1));
  };
  for (let round = 0; round < rounds; round++) {
    const phone = new Phone();
    const tab = await phone.open();
    const capture = async (count: number) => {
      const made: string[] = [];
      for (let i = 0; i < count; i++) made.push((await tab.engine.capture(expense())).op);
      return made;
    };
    await capture(upTo(6));
    await phone.settle();
    phone.fault = (asked) => (asked.path === "/sync/push" ? "cut" : "pass");
    const waiting = await capture(upTo(8));
    await phone.settle();
    const dropped = waiting.filter(() => upTo(4) === 0);
    for (const op of dropped) await tab.engine.discard(op);
    await phone.run(HOUR);
    const gone = (await tab.engine.list()).filter((op) => op.state !== "accepted").map((op) => op.seq);
    const { tab: again } = await wiped(phone, true);
    const named = again.engine.hello()?.missingSeqs ?? [];
    found.gone += gone.length;
    found.named += named.length;
    if (JSON.stringify(named) !== JSON.stringify(gone.sort((a, b) => a - b))) found.wrong++;
    for (const open of phone.tabs.slice()) open.kill();
  }
  if (process.env.FIGURES) appendFileSync(process.env.FIGURES, `${JSON.stringify(found)}\n`);
  assert.ok(found.gone > 0);
  assert.deepEqual([found.wrong, found.named], [0, found.gone]);
});

test("31 both stores wiped: the first hello names exactly the records that are gone", async () => {
  const phone = await withThreeWaiting();
  const { tab: again, hellos } = await wiped(phone, true);
  assert.equal(hellos.length, 1);
  assert.deepEqual(again.engine.hello()?.missingSeqs, [2, 3, 4]);
});

test("31 the mirror brought them back: nothing is missing, before they are sent and after", async () => {
  const phone = await withThreeWaiting();
  const { tab: again } = await wiped(phone, false);
  assert.deepEqual(again.engine.hello()?.missingSeqs, []);
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.equal(phone.server.applied.length, 4);
  assert.deepEqual(again.engine.hello()?.missingSeqs, []);
});

test("31 what its author discarded is never looked for", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.offline = true;
  const { op } = await tab.engine.capture(visit("visit.arrive", newId()));
  await tab.engine.capture(expense());
  await phone.settle();
  await tab.engine.discard(op);
  phone.offline = false;
  tab.engine.kick("asked");
  await phone.run(HOUR);
  assert.equal(phone.server.applied.length, 1);
  assert.deepEqual(tab.engine.hello()?.missingSeqs, []);
});

test("31 a record the server could not read, and that its author corrected, is not looked for after it is let go", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense({}, { amount: "-1" }));
  await phone.run(HOUR);
  const draft = await tab.engine.reopen(op);
  await tab.engine.capture(expense({ draftKey: draft.key, supersedes: op }));
  // What is unreadable leaves no receipt.
  for (const seqs of phone.server.arrived.values()) seqs.delete(1);
  await phone.run(40 * DAY);
  tab.kill();
  const again = await phone.open();
  await phone.run(HOUR);
  assert.equal((await again.engine.list()).length, 0);
  assert.deepEqual(again.engine.hello()?.missingSeqs, []);
});

test("31 records that wait for correction, for others or for their hour are not missing", async () => {
  const phone = new Phone();
  phone.server.poisoned = (envelope) => envelope.data.note === "poison";
  const tab = await phone.open();
  await tab.engine.capture(expense({}, { amount: "-1" }));
  await tab.engine.capture(expense({}, { note: "poison" }));
  await tab.engine.capture(expense());
  await phone.run(3 * HOUR);
  assert.deepEqual((await tab.engine.list()).map((op) => op.state).reverse(), ["rejected", "parked", "accepted"]);
  assert.deepEqual(tab.engine.hello()?.missingSeqs, []);
});
