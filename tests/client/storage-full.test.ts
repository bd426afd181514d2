import assert from "node:assert/strict";
import test from "node:test";
import { StorageFull, StorageUnavailable } from "../../static/src/engine/types.ts";
import { expense, HOUR, Phone, photo, states } from "./harness.ts";

/** Makes the database's transactions on one store end as a full disk does: by abort, without a request error. */
function fullDisk(store: string, times: number, verb: "add" | "put" = "add"): { undo: () => void; hits: () => number } {
  const prototype = IDBObjectStore.prototype as unknown as Record<typeof verb, (...args: unknown[]) => IDBRequest>;
  const original = prototype[verb];
  let hits = 0;
  prototype[verb] = function (this: IDBObjectStore, ...args: unknown[]) {
    const request = original.apply(this, args);
    if (this.name === store && hits++ < times) {
      (this.transaction as unknown as { _abort(name: string): void })._abort("QuotaExceededError");
    }
    return request;
  };
  const undo = () => {
    prototype[verb] = original;
  };
  return { undo, hits: () => hits };
}

test("26 27 quota shows only as an abort: pages are given up first, then the record is saved", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await (await phone.caches.view(() => true).open("pack-17-1")).put("/jobs", new Response("x".repeat(5000)));
  const disk = fullDisk("ops", 1);
  try {
    await tab.engine.capture(expense());
  } finally {
    disk.undo();
  }
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal(phone.caches.stores.has("pack-17-1"), false);
});

test("26 27 when there is no room at all nothing is said to be saved and the draft stays open", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };
  await tab.engine.drafts.save(draft);
  const disk = fullDisk("ops", 99);
  try {
    await assert.rejects(
      tab.engine.capture(expense({ draftKey: "d" })),
      (error) => error instanceof StorageFull && !error.stored,
    );
  } finally {
    disk.undo();
  }
  assert.equal(disk.hits(), 2);
  assert.equal((await tab.engine.list()).length, 0);
  assert.deepEqual((await tab.engine.drafts.load("d"))?.fields, { a: "1" });
  const { ref } = await tab.engine.capture(expense({ draftKey: "d" }));
  assert.match(ref, /-0001$/);
});

test("25 26 a transaction that fails only in its commit saved nothing, though every request succeeded", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  const prototype = IDBObjectStore.prototype as unknown as { put: (...args: unknown[]) => IDBRequest };
  const original = prototype.put;
  prototype.put = function (this: IDBObjectStore, ...args: unknown[]) {
    const request = original.apply(this, args);
    const abort = () => (this.transaction as unknown as { _abort(name: string): void })._abort("QuotaExceededError");
    if (args[1] === "next_pos") request.addEventListener("success", () => queueMicrotask(() => queueMicrotask(abort)));
    return request;
  };
  try {
    await assert.rejects(tab.engine.capture(expense()), StorageFull);
  } finally {
    prototype.put = original;
  }
  assert.deepEqual(await states(tab), []);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
});

test("27 a full mirror: the text is in one store, is not called saved, is sent, and gets its copy later", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  phone.caches.quota = phone.caches.used() + 10;
  await assert.rejects(tab.engine.capture(expense()), (error) => error instanceof StorageFull && error.stored);
  assert.deepEqual(await states(tab), ["saved"]);
  phone.caches.quota = Number.POSITIVE_INFINITY;
  tab.kill();
  const again = await phone.open();
  assert.equal(phone.caches.entries("outbox-17").length, 1);
  phone.offline = false;
  again.engine.kick("online");
  await phone.settle();
  assert.deepEqual(await states(again), ["accepted"]);
});

test("27 quota on photos: the photo is refused aloud, the text still goes", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  phone.caches.quota = 3000;
  await tab.engine.photos.add("d", photo(1000));
  await assert.rejects(tab.engine.photos.add("d", photo(5000)), StorageFull);
  assert.equal((await tab.engine.attachmentsOf({ draft: "d" })).length, 1);
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});

test("27 photos stop at four fifths of the quota so that text always has room", async () => {
  const phone = new Phone();
  phone.estimate = async () => ({ usage: phone.caches.used() + 7000, quota: 10_000 });
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo(500));
  await assert.rejects(tab.engine.photos.add("d", photo(1000)), StorageFull);
  await tab.engine.capture(expense({ draftKey: "d" }));
});

test("27 a full phone still opens and sends what lies on it", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.capture(expense());
  tab.kill();
  phone.caches.quota = 0;
  phone.offline = false;
  const again = await phone.open();
  await phone.settle();
  assert.deepEqual(await states(again), ["accepted"]);
});

test("27 a database that takes nothing any more: what lies in it is sent, and noted once there is room", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense());
  tab.kill();
  phone.offline = false;
  const disks = ["ops", "meta"].map((store) => fullDisk(store, Number.POSITIVE_INFINITY, "put"));
  const again = await phone.open();
  try {
    await phone.settle();
    assert.equal(phone.server.ledger.get(op)?.outcome, "accepted");
    assert.notDeepEqual(await states(again), ["accepted"]);
  } finally {
    for (const disk of disks.reverse()) disk.undo();
  }
  await phone.run(HOUR);
  assert.deepEqual(await states(again), ["accepted"]);
  assert.deepEqual(phone.server.applied, [op]);
});

test("34 a browser that keeps nothing says so at once", async () => {
  const phone = new Phone();
  Object.assign(phone, { idb: undefined });
  await assert.rejects(phone.open(), StorageUnavailable);
});

test("30 a connection the system dropped is reopened and the work done once more", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.settle();
  const prototype = IDBDatabase.prototype as unknown as { transaction: (...args: unknown[]) => IDBTransaction };
  const original = prototype.transaction;
  let broken = 1;
  prototype.transaction = function (this: IDBDatabase, ...args: unknown[]) {
    if ((args[0] as string[]).includes("drafts") && broken-- > 0)
      throw new DOMException("Connection to Indexed Database server lost", "UnknownError");
    return original.apply(this, args);
  };
  try {
    await tab.engine.capture(expense());
    broken = 2;
    await assert.rejects(tab.engine.capture(expense()), StorageUnavailable);
  } finally {
    prototype.transaction = original;
  }
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted"]);
});

test("35 an open that another tab blocks ends with an error instead of hanging", async () => {
  const phone = new Phone();
  const held = await new Promise<IDBDatabase>((resolve) => {
    const request = phone.idb.open("fieldapp-u-17", 1);
    request.onsuccess = () => resolve(request.result);
  });
  phone.idb.deleteDatabase("fieldapp-u-17");
  const opening = assert.rejects(phone.open(), StorageUnavailable);
  await phone.run(11_000);
  await opening;
  held.close();
});
