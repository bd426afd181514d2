import assert from "node:assert/strict";
import test from "node:test";
import { AlreadySubmitted } from "../../static/src/engine/types.ts";
import { expense, HOUR, Phone, photo } from "./harness.ts";

test("6 a double tap is one record", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const taps = await Promise.allSettled([1, 2, 3].map(() => tab.engine.capture(expense({ draftKey: "d" }))));
  assert.deepEqual(taps.map((tap) => tap.status).sort(), ["fulfilled", "rejected", "rejected"]);
  for (const tap of taps) if (tap.status === "rejected") assert.ok(tap.reason instanceof AlreadySubmitted);
  await phone.run(HOUR);
  assert.equal(phone.server.applied.length, 1);
});

test("6 67 an autosave that fires after the send does not bring the draft back", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };
  await tab.engine.drafts.save(draft);
  await tab.engine.capture(expense({ draftKey: "d" }));
  await assert.rejects(tab.engine.drafts.save(draft), AlreadySubmitted);
  await assert.rejects(tab.engine.photos.add("d", photo()), AlreadySubmitted);
  assert.deepEqual(await tab.engine.drafts.list(), []);
});

test("6 plain buttons without a draft make a record each", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const made = await Promise.all([tab.engine.capture(expense()), tab.engine.capture(expense())]);
  assert.notEqual(made[0].ref, made[1].ref);
  await phone.run(HOUR);
  assert.equal(phone.server.applied.length, 2);
});

test("36 71 removing a draft takes its photos and nothing else", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: {}, supersedes: null, problems: null };
  await tab.engine.drafts.save(draft);
  const kept = await tab.engine.photos.add("other", photo());
  const gone = await tab.engine.photos.add("d", photo());
  await tab.engine.drafts.remove("d");
  assert.equal(await tab.engine.drafts.load("d"), undefined);
  assert.equal(await tab.engine.photos.bytes(gone.id), null);
  assert.equal((await tab.engine.photos.bytes(kept.id))?.length, 1000);
  assert.equal((await tab.engine.list()).length, 1);
});
