import assert from "node:assert/strict";
import test from "node:test";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { expense, HOUR, newId, Phone, photo, states, visit } from "./harness.ts";

const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };

test("31 the whole database wiped: records, drafts and photos come back from the mirror before anything is numbered", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.photos.add("x", photo(3000));
  const first = await tab.engine.capture(expense({ draftKey: "x", title: "\u65e9\u9910 \u00b7 \u00a546" }));
  const before = await tab.engine.get(first.op);
  await tab.engine.capture(expense());
  await tab.engine.drafts.save(draft);
  await tab.engine.photos.add("d", photo(500, 3));
  phone.wipeDatabases();
  const again = await phone.open();
  const back = await again.engine.get(first.op);
  assert.equal(back?.body, before?.body);
  assert.equal(back?.title, "\u65e9\u9910 \u00b7 \u00a546");
  assert.equal(back?.ref, first.ref);
  assert.deepEqual((await again.engine.drafts.load("d"))?.fields, { a: "1" });
  assert.equal((await again.engine.attachmentsOf({ draft: "d" })).length, 1);
  assert.equal((await again.engine.attachmentsOf({ op: first.op })).length, 1);
  const { op } = await again.engine.capture(expense());
  const bodies = (await again.engine.list()).map((row) => JSON.parse(row.body) as Envelope);
  const fresh = bodies.find((envelope) => envelope.op === op);
  assert.equal(fresh?.seq, 1);
  assert.equal(new Set(bodies.map((envelope) => envelope.ep)).size, 2);
  assert.equal(new Set(bodies.map((envelope) => envelope.dev)).size, 1);
  phone.offline = false;
  again.engine.kick("online");
  await phone.settle();
  assert.deepEqual(await states(again), ["accepted", "accepted", "accepted"]);
  assert.equal((await again.engine.attachmentsOf({ op: first.op }))[0]?.state, "stored");
});

test("31 wiped without a sentinel: the device is known from the frozen records", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense());
  phone.wipeDatabases();
  phone.sentinelId = null;
  const again = await phone.open();
  const next = await again.engine.capture(expense());
  const dev = async (id: string) => (JSON.parse((await again.engine.get(id))?.body ?? "{}") as Envelope).dev;
  assert.equal(await dev(next.op), await dev(op));
});

test("31 wiped while the page lives: the next capture rebuilds first", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.settle();
  for (const name of ["fieldapp-u-17", "fieldapp-core"]) {
    await new Promise((resolve) => {
      phone.idb.deleteDatabase(name).onsuccess = resolve;
    });
  }
  await tab.engine.capture(expense());
  assert.equal((await tab.engine.list()).length, 2);
});

test("31 a sent draft does not come back as an open one", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.drafts.save(draft);
  phone.killAt = "capture:mirrored";
  await Promise.race([tab.engine.capture(expense({ draftKey: "d" })), tab.dead]);
  assert.equal(phone.caches.entries("outbox-17").length, 2);
  phone.wipeDatabases();
  const again = await phone.open();
  assert.equal(await again.engine.drafts.load("d"), undefined);
  assert.deepEqual(await states(again), ["saved"]);
});

for (const removing of ["hangs", "throws"] as const) {
  test(`31 removing the draft's copy ${removing}: the record is saved all the same, and the draft does not come back`, async () => {
    const phone = new Phone();
    phone.offline = true;
    const tab = await phone.open();
    await tab.engine.drafts.save(draft);
    phone.caches.removing = removing;
    const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
    // Said only now: both stores hold it, and the draft's copy is still there.
    assert.equal((await tab.engine.get(op))?.state, "saved");
    assert.equal(phone.caches.entries("outbox-17").filter((path) => path.includes(op)).length, 1);
    assert.equal(phone.caches.entries("outbox-17").length, 2);
    if (removing === "throws") await tab.engine.capture(expense());
    tab.kill();
    phone.caches.removing = "works";
    const again = await phone.open();
    assert.equal(await again.engine.drafts.load("d"), undefined);
    assert.equal(phone.caches.entries("outbox-17").filter((path) => path.includes("/draft/")).length, 0);
    assert.equal((await again.engine.get(op))?.state, "saved");
  });
}

test("31 wiped after the record was received but before its photos: they still arrive", async () => {
  const phone = new Phone();
  phone.fault = (asked) => (asked.path.startsWith("/sync/attachments") ? "cut" : "pass");
  const tab = await phone.open();
  const added = await tab.engine.photos.add("x", photo(3000));
  await tab.engine.capture(expense({ draftKey: "x" }));
  await phone.settle();
  assert.deepEqual(await states(tab), ["accepted"]);
  phone.wipeDatabases();
  phone.fault = () => "pass";
  await phone.open();
  await phone.run(HOUR);
  assert.equal(phone.server.uploads.get(added.id)?.stored, true);
  assert.equal(phone.server.applied.length, 1);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
});

test("31 a damaged or foreign entry of the mirror is neither shown nor sent nor thrown away", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  phone.wipeDatabases();
  const store = phone.caches.stores.get("outbox-17");
  for (const entry of store?.values() ?? []) entry.bytes = entry.bytes.slice(0, 50);
  const again = await phone.open();
  assert.equal((await again.engine.list()).length, 0);
  assert.equal(phone.caches.entries("outbox-17").length, 1);
});

test("31 the database's tail lost but not its rest: the mirror's records come back under their own numbers", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  const last = await tab.engine.capture(expense());
  await phone.settle();
  tab.kill();
  const raw = await new Promise<IDBDatabase>((resolve) => {
    const request = phone.idb.open("fieldapp-u-17");
    request.onsuccess = () => resolve(request.result);
  });
  const tx = raw.transaction(["ops", "meta"], "readwrite");
  tx.objectStore("ops").delete(last.op);
  tx.objectStore("meta").put(2, "next_seq");
  tx.objectStore("meta").put(2, "next_pos");
  await new Promise((resolve) => {
    tx.oncomplete = resolve;
  });
  raw.close();
  const again = await phone.open();
  await again.engine.capture(expense());
  assert.deepEqual((await again.engine.list()).map((op) => op.seq).reverse(), [1, 2, 3]);
});

test("31 a discarded record does not come back from the mirror", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const { op } = await tab.engine.capture(visit("visit.arrive", newId()));
  await tab.engine.discard(op);
  phone.wipeDatabases();
  assert.equal((await (await phone.open()).engine.list()).length, 0);
});
