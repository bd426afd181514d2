import assert from "node:assert/strict";
import test from "node:test";
import { openEngine } from "../../static/src/engine/open.ts";
import { AlreadySubmitted, StorageFull, StorageUnavailable } from "../../static/src/engine/types.ts";
import { expense, MINUTE, Phone, photo, states, Tab } from "./harness.ts";

interface Inner {
  _started: boolean;
  _start(): void;
  abort(): void;
}

/** Transactions that never end, as in WebKit behind those of a page that was left; `times` of them from now on. */
function hanging(times: number, { committing = false } = {}) {
  const prototype = IDBTransaction.prototype as unknown as Inner;
  const { _start } = prototype;
  const held: Inner[] = [];
  prototype._start = function (this: Inner) {
    if (this._started || held.length >= times) return _start.call(this);
    this._started = true;
    held.push(this);
    if (!committing) return;
    this.abort = () => {
      throw new DOMException("in its commit", "InvalidStateError");
    };
  };
  return {
    held,
    /** Whatever still hangs goes on after all, and nothing new hangs. */
    undo() {
      prototype._start = _start;
      for (const tx of held) _start.call(tx);
    },
  };
}

async function restingPhone(): Promise<{ phone: Phone; tab: Tab }> {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await phone.settle();
  return { phone, tab };
}

const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "saved" as const,
    (error: unknown) => error,
  );
const draft = { key: "d", kind: "k", title: "t", url: "/u", fields: { a: "1" }, supersedes: null, problems: null };

/** Lets time pass until `work` ends; says how long that took. */
async function within<T>(phone: Phone, work: Promise<T>): Promise<number> {
  const start = phone.now;
  let done = false;
  void work.finally(() => {
    done = true;
  });
  while (!done && phone.now - start < MINUTE) await phone.runHanging(500);
  assert.ok(done, "it never ended");
  return phone.now - start;
}

test("73 a transaction that never ends is taken back and done once more: one record", async () => {
  const { phone, tab } = await restingPhone();
  const stuck = hanging(1);
  try {
    const saved = outcome(tab.engine.capture(expense()));
    await within(phone, saved);
    assert.equal(await saved, "saved");
  } finally {
    stuck.undo();
  }
  assert.equal(stuck.held.length, 1);
  assert.deepEqual(await states(tab), ["saved"]);
  phone.offline = false;
  await phone.run(MINUTE);
  assert.equal(phone.server.applied.length, 1);
});

test("73 storage that does not answer at all: said within seconds, nothing comes of it later, the draft stays", async () => {
  const { phone, tab } = await restingPhone();
  await tab.engine.drafts.save(draft);
  const stuck = hanging(99);
  const saved = outcome(tab.engine.capture(expense({ draftKey: "d" })));
  const took = await within(phone, saved);
  const error = await saved;
  assert.ok(error instanceof StorageUnavailable && error.hangs && !error.unsure, String(error));
  assert.ok(took <= 10_000, `${took} ms`);
  stuck.undo();
  await phone.run(MINUTE);
  assert.deepEqual(await states(tab), []);
  assert.deepEqual((await tab.engine.drafts.load("d"))?.fields, { a: "1" });
  await tab.engine.capture(expense({ draftKey: "d" }));
  assert.deepEqual(await states(tab), ["saved"]);
});

test("73 what waits behind storage that hung is answered soon, too", async () => {
  const { phone, tab } = await restingPhone();
  const stuck = hanging(99);
  const first = outcome(tab.engine.drafts.save(draft));
  const saved = outcome(tab.engine.capture(expense({ draftKey: "d" })));
  const took = await within(phone, saved);
  stuck.undo();
  assert.ok((await first) instanceof StorageUnavailable);
  assert.ok((await saved) instanceof StorageUnavailable);
  assert.ok(took <= 15_000, `${took} ms`);
});

test("73 a commit nobody heard the end of is not called unsaved, and is one record when it counted after all", async () => {
  const { phone, tab } = await restingPhone();
  await tab.engine.drafts.save(draft);
  let stuck: ReturnType<typeof hanging> | undefined;
  // The transaction that writes the record is the one that hangs, and so does the next.
  phone.onPoint = (name) => {
    if (name === "capture:prepared") stuck = hanging(2, { committing: true });
  };
  const saved = outcome(tab.engine.capture(expense({ draftKey: "d" })));
  await within(phone, saved);
  const error = await saved;
  assert.ok(error instanceof StorageUnavailable && error.unsure, String(error));
  phone.onPoint = () => undefined;
  stuck?.undo();
  await phone.runHanging(MINUTE);
  assert.deepEqual(await states(tab), ["saved"]);
  await assert.rejects(tab.engine.capture(expense({ draftKey: "d" })), AlreadySubmitted);
  phone.offline = false;
  tab.engine.kick("online");
  await phone.run(MINUTE);
  assert.equal(phone.server.applied.length, 1);
});

test("73 a mirror that never answers: the record is in one store, and that is said", async () => {
  const { phone, tab } = await restingPhone();
  phone.caches.putting = "hangs";
  const saved = outcome(tab.engine.capture(expense()));
  const took = await within(phone, saved);
  const error = await saved;
  assert.ok(error instanceof StorageFull && error.stored, String(error));
  assert.ok(took <= 10_000, `${took} ms`);
  await phone.run(100);
  const added = outcome(tab.engine.photos.add("d", photo()));
  await within(phone, added);
  assert.ok((await added) instanceof Error);
});

test("73 a photo that is said to have failed does not come back when its write lands after all", async () => {
  const { phone, tab } = await restingPhone();
  phone.caches.putting = "hangs";
  const added = outcome(tab.engine.photos.add("d", photo()));
  await within(phone, added);
  assert.ok((await added) instanceof StorageUnavailable);
  phone.caches.goOn();
  await phone.run(100);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
  tab.kill();
  const next = await phone.open();
  assert.deepEqual(await next.engine.attachmentsOf({ draft: "d" }), []);
});

test("73 a start on storage that does not answer ends in words", async () => {
  const { phone, tab: before } = await restingPhone();
  before.kill();
  const stuck = hanging(99);
  const tab = new Tab(phone);
  const options = { userId: 17, instance: phone.server.instance, build: "b1" };
  const opened = outcome(openEngine(tab.env(), options));
  await within(phone, opened);
  stuck.undo();
  const error = await opened;
  assert.ok(error instanceof StorageUnavailable && error.hangs, String(error));
});
