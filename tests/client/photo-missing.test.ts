import assert from "node:assert/strict";
import test from "node:test";
import { expense, HOUR, Phone, photo } from "./harness.ts";

test("64 one photo's bytes missing: it is named as lost, the record and the other photos go", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const lost = await tab.engine.photos.add("d", photo(800, 1));
  const torn = await tab.engine.photos.add("d", photo(800, 2));
  const good = await tab.engine.photos.add("d", photo(800, 3));
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  const store = phone.caches.stores.get("outbox-17");
  store?.delete(`/__outbox/att/${lost.id}`);
  const entry = store?.get(`/__outbox/att/${torn.id}`);
  if (entry) entry.bytes = entry.bytes.slice(0, 100);
  phone.offline = false;
  tab.engine.kick("online");
  await phone.run(HOUR);
  const photos = new Map((await tab.engine.attachmentsOf({ op })).map((att) => [att.id, att.state]));
  assert.equal((await tab.engine.get(op))?.state, "accepted");
  assert.deepEqual(
    [lost, torn, good].map((att) => photos.get(att.id)),
    ["lost_on_device", "lost_on_device", "stored"],
  );
});

test("63 photos go only after their record, and show as on the way until the server has them", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo());
  phone.fault = (asked) => (asked.method === "PATCH" ? "cut" : "pass");
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  const order = phone.server.log.map((entry) => entry.path);
  assert.ok(order.indexOf("/sync/push") < order.indexOf("/sync/attachments"));
  const waiting = await tab.engine.counts();
  assert.deepEqual([waiting.photos, waiting.photoAt], [1, null]);
  phone.fault = () => "pass";
  const before = phone.now;
  await phone.run(HOUR);
  const { photos, photoAt } = await tab.engine.counts();
  assert.equal(photos, 0);
  assert.ok(photoAt !== null && photoAt >= before && photoAt <= phone.now);
});

test("63 the server asks for a photo it lost: sent again while the phone has it, else named as lost", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { id } = await tab.engine.photos.add("d", photo());
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "stored");
  phone.server.uploads.delete(id);
  phone.server.wanted = [id];
  await phone.run(6 * 60_000);
  tab.engine.kick("visible");
  await phone.settle();
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "lost_on_device");
});

test("29 photos are kept as bytes in the mirror and never in the database", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const added = await tab.engine.photos.add("d", photo(1234));
  assert.deepEqual(await tab.engine.photos.bytes(added.id), photo(1234).bytes);
  assert.ok(Object.values(added).every((value) => typeof value !== "object" || value === null));
  await tab.engine.photos.remove(added.id);
  assert.equal(await tab.engine.photos.bytes(added.id), null);
});

test("64 a lost photo is shown at once and reported to the server as soon as that can be told", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { id } = await tab.engine.photos.add("d", photo(800, 1));
  phone.fault = (asked) => (asked.path.endsWith("/lost") ? "cut" : "pass");
  phone.caches.stores.get("outbox-17")?.delete(`/__outbox/att/${id}`);
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "lost_on_device");
  assert.equal((await tab.engine.get(op))?.state, "accepted");
  assert.equal(phone.server.lost.size, 0);
  tab.kill();
  phone.fault = () => "pass";
  await phone.open();
  await phone.run(HOUR);
  assert.deepEqual([...phone.server.lost], [id]);
  const path = `/sync/attachments/${id}/lost`;
  const told = phone.server.count(path);
  await phone.run(HOUR);
  assert.equal(phone.server.count(path), told);
});

test("64 thought lost, but the server has it: its answer alone had been lost", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { id } = await tab.engine.photos.add("d", photo(800, 1));
  phone.fault = (asked) => (asked.method === "PATCH" ? "lost" : "pass");
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  phone.caches.stores.get("outbox-17")?.delete(`/__outbox/att/${id}`);
  phone.fault = () => "pass";
  await phone.run(HOUR);
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "stored");
  assert.equal(phone.server.lost.size, 0);
});
