import assert from "node:assert/strict";
import test from "node:test";
import { AlreadySubmitted } from "../../static/src/engine/types.ts";
import { DAY, expense, MINUTE, Phone, states } from "./harness.ts";

test("9 two tabs sending thirty records post each once", async () => {
  const phone = new Phone();
  phone.offline = true;
  phone.server.limits.batch_ops = 1;
  const [one, two] = [await phone.open(), await phone.open()];
  for (let i = 0; i < 15; i++) await Promise.all([one.engine.capture(expense()), two.engine.capture(expense())]);
  phone.offline = false;
  one.engine.kick("online");
  two.engine.kick("online");
  await phone.run(10 * MINUTE);
  assert.equal(phone.server.count("/sync/push"), 30);
  assert.equal(phone.server.applied.length, 30);
  const seqs = (await one.engine.list()).map((op) => op.seq).reverse();
  assert.deepEqual(
    seqs,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
});

test("5 the same draft sent from two tabs is one record, and the second tab is told when", async () => {
  const phone = new Phone();
  const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };
  const one = await phone.open();
  await one.engine.drafts.save(draft);
  const two = await phone.open();
  await Promise.all([one.engine.drafts.load("d"), two.engine.drafts.load("d")]);
  const sent = await Promise.allSettled([
    one.engine.capture(expense({ draftKey: "d" })),
    two.engine.capture(expense({ draftKey: "d" })),
  ]);
  const refused = sent.find((result) => result.status === "rejected");
  assert.equal(sent.filter((result) => result.status === "fulfilled").length, 1);
  assert.ok(refused?.reason instanceof AlreadySubmitted);
  assert.equal(refused.reason.at, phone.now);
  assert.equal((await one.engine.list()).length, 1);
});

test("5 the tab left behind cannot bring a sent draft back, a fresh form can use its key", async () => {
  const phone = new Phone();
  const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };
  const [one, two] = [await phone.open(), await phone.open()];
  await one.engine.drafts.save(draft);
  await two.engine.drafts.load("d");
  await one.engine.capture(expense({ draftKey: "d" }));
  await assert.rejects(two.engine.drafts.save(draft), AlreadySubmitted);
  assert.equal(await one.engine.drafts.load("d"), undefined);
  await one.engine.drafts.save({ ...draft, fields: { a: "2" } });
  await one.engine.capture(expense({ draftKey: "d" }));
  assert.equal((await one.engine.list()).length, 2);
});

test("10 a frozen tab that keeps the lock loses it after two minutes without a sign of life", async () => {
  const phone = new Phone();
  const frozen = await phone.open();
  await phone.settle();
  phone.locks.set("flush-17", { tab: frozen, token: Symbol("frozen") });
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(MINUTE);
  assert.deepEqual(await states(tab), ["saved"]);
  await phone.run(5 * MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
});

test("9 tabs hear of each other's records", async () => {
  const phone = new Phone();
  const [one, two] = [await phone.open(), await phone.open()];
  await phone.settle();
  let heard = 0;
  const stop = two.engine.subscribe(() => heard++);
  await one.engine.capture(expense());
  assert.ok(heard > 0);
  stop();
  const before = heard;
  await one.engine.capture(expense());
  assert.equal(heard, before);
});

test("35 a newer version in another tab is let through and the database reopened", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(DAY);
  await new Promise<void>((resolve, reject) => {
    const request = phone.idb.open("fieldapp-core", 2);
    request.onblocked = () => reject(new Error("blocked"));
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  assert.deepEqual(await states(tab), ["accepted"]);
});
