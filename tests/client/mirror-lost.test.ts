import assert from "node:assert/strict";
import test from "node:test";
import { FakeCaches } from "./fake-caches.ts";
import { expense, HOUR, Phone, photo, states } from "./harness.ts";

test("32 the mirror evicted: rows get a copy again at start and are sent", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await tab.engine.capture(expense());
  tab.kill();
  phone.caches = new FakeCaches();
  const again = await phone.open();
  assert.equal(phone.caches.entries("outbox-17").length, 2);
  phone.wipeDatabases();
  phone.offline = false;
  const third = await phone.open();
  await phone.run(HOUR);
  assert.equal(again.alive, false);
  assert.deepEqual(await states(third), ["accepted", "accepted"]);
});

test("64 photos that went with the mirror are named as lost, the record goes all the same", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo());
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  tab.kill();
  phone.caches = new FakeCaches();
  phone.offline = false;
  const again = await phone.open();
  await phone.run(HOUR);
  assert.deepEqual(await states(again), ["accepted"]);
  assert.equal((await again.engine.attachmentsOf({ op }))[0]?.state, "lost_on_device");
  assert.equal((await again.engine.counts()).photos, 0);
});

test("25 killed between the two stores: the record is whole at the next start", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  phone.killAt = "capture:committed";
  await Promise.race([tab.engine.capture(expense()), tab.dead]);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
  const again = await phone.open();
  assert.deepEqual(await states(again), ["saved"]);
  assert.equal(phone.caches.entries("outbox-17").length, 1);
});
