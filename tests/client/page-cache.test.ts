import assert from "node:assert/strict";
import test from "node:test";
import { openEngine } from "../../static/src/engine/open.ts";
import { PageLeft } from "../../static/src/engine/types.ts";
import { expense, MINUTE, Phone, photo, states, Tab } from "./harness.ts";

/** Calls `then` as the record is being written, in the middle of its transaction. */
function whileWriting(then: (tx: IDBTransaction) => void, verb: "add" | "put" = "add", key?: string): () => void {
  const prototype = IDBObjectStore.prototype as unknown as Record<"add" | "put", (...args: unknown[]) => IDBRequest>;
  const original = prototype[verb];
  const undo = () => {
    prototype[verb] = original;
  };
  prototype[verb] = function (this: IDBObjectStore, ...args: unknown[]) {
    const request = original.apply(this, args);
    if (key === undefined || args[1] === key) {
      undo();
      if (key === undefined) then(this.transaction);
      else request.addEventListener("success", () => then(this.transaction));
    }
    return request;
  };
  return undo;
}

/** How each transaction on the phone's databases ended; the ones that are still open say so. */
function watched(): { ends: string[]; undo: () => void } {
  const { transaction } = IDBDatabase.prototype;
  const ends: string[] = [];
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof transaction>) {
    const tx = transaction.apply(this, args);
    const at = ends.push("open") - 1;
    for (const end of ["complete", "abort"]) tx.addEventListener(end, () => (ends[at] = end));
    return tx;
  };
  const undo = () => {
    IDBDatabase.prototype.transaction = transaction;
  };
  return { ends, undo };
}

/** Lets the stores work until it is so; nothing here waits for a clock. */
async function until(so: () => boolean): Promise<void> {
  for (let i = 0; i < 100_000 && !so(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(so());
}

const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "saved" as const,
    (error: unknown) => error,
  );
const draft = (a: string) => ({ ...{ key: "d", kind: "k", title: "t", url: "/u" }, ...rest, fields: { a } });
const rest = { supersedes: null, problems: null };

async function offlinePhone(): Promise<{ phone: Phone; tab: Tab }> {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await phone.settle();
  return { phone, tab };
}

test("74 a page that is left leaves no transaction open, and what it had not saved was not saved", async () => {
  const { phone, tab } = await offlinePhone();
  const { ends, undo } = watched();
  let left = false;
  whileWriting(() => {
    tab.leave();
    left = true;
  });
  const saved = outcome(tab.engine.capture(expense()));
  await until(() => left && !ends.includes("open"));
  undo();
  assert.equal(ends.at(-1), "abort");
  const next = await phone.open();
  await next.engine.capture(expense());
  assert.equal((await states(next)).length, 1);
  tab.back();
  assert.ok((await saved) instanceof PageLeft);
  assert.equal((await states(tab)).length, 1);
});

test("74 left in its very commit: it is saved, once, and says so on return", async () => {
  const { phone, tab } = await offlinePhone();
  let left = false;
  whileWriting(
    (tx) => {
      tx.commit();
      tab.leave();
      left = true;
    },
    "put",
    "next_pos",
  );
  const saved = outcome(tab.engine.capture(expense()));
  await until(() => left);
  tab.back();
  assert.equal(await saved, "saved");
  phone.offline = false;
  tab.engine.kick("online");
  await phone.run(MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal(phone.server.applied.length, 1);
});

test("74 what is asked for while the page is away is answered once it is back", async () => {
  const { phone, tab } = await offlinePhone();
  await tab.engine.capture(expense());
  tab.leave();
  let answered = false;
  const listed = tab.engine.list().finally(() => {
    answered = true;
  });
  const added = tab.engine.photos.add("d", photo());
  await phone.settle();
  assert.equal(answered, false);
  tab.back();
  assert.equal((await listed).length, 1);
  assert.equal((await added).state, "local");
  assert.equal((await tab.engine.attachmentsOf({ draft: "d" })).length, 1);
});

test("74 a draft on its way as the page was left does not cover what another page wrote since", async () => {
  const { phone, tab } = await offlinePhone();
  let left = false;
  const leave = () => {
    tab.leave();
    left = true;
  };
  whileWriting(leave, "put");
  const old = outcome(tab.engine.drafts.save(draft("old")));
  await until(() => left);
  const next = await phone.open();
  await next.engine.drafts.load("d");
  await next.engine.drafts.save(draft("new"));
  tab.back();
  assert.ok((await old) instanceof PageLeft);
  assert.deepEqual((await tab.engine.drafts.load("d"))?.fields, { a: "new" });
  await tab.engine.drafts.save(draft("newer"));
  assert.deepEqual((await next.engine.drafts.load("d"))?.fields, { a: "newer" });
});

test("74 a page that is left in the middle of sending lets go of the lock: the next one sends at once", async () => {
  const { phone, tab } = await offlinePhone();
  await tab.engine.capture(expense());
  phone.fault = (asked) => (asked.path === "/sync/push" ? "hang" : "pass");
  phone.offline = false;
  tab.engine.kick("online");
  await phone.settle();
  assert.ok(phone.locks.has("flush-17"));
  tab.leave();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(phone.locks.has("flush-17"), false);
  phone.fault = () => "pass";
  const start = phone.now;
  const next = await phone.open();
  await phone.settle();
  assert.deepEqual(await states(next), ["accepted"]);
  assert.equal(phone.now, start);
  tab.back();
  await phone.run(MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal(phone.server.applied.length, 1);
});

test("74 a page that is left hears no other, and hears them again on return", async () => {
  const { phone, tab } = await offlinePhone();
  let heard = 0;
  tab.engine.subscribe(() => heard++);
  tab.leave();
  assert.equal(phone.channels.size, 0);
  tab.back();
  const next = await phone.open();
  heard = 0;
  await next.engine.capture(expense());
  assert.ok(heard > 0);
});

test("74 left before its outbox was open: it opens on return", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = new Tab(phone);
  let left = false;
  phone.onPoint = (name, where) => {
    if (name !== "reconcile:before-tx" || where !== tab) return;
    tab.leave();
    left = true;
  };
  const options = { userId: 17, instance: phone.server.instance, build: "b1" };
  let opened = false;
  const opening = openEngine(tab.env(), options).then((engine) => {
    opened = true;
    tab.engine = engine;
  });
  await until(() => left);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(opened, false);
  const next = await phone.open();
  await next.engine.capture(expense());
  tab.back();
  await opening;
  await tab.engine.capture(expense());
  assert.equal((await states(tab)).length, 2);
});

/** A tab whose push hangs in the network; the page is left, and another page begins to send the same record. */
async function overtakenSender(at: string): Promise<{ phone: Phone; tab: Tab; next: Tab; op: string }> {
  const { phone, tab } = await offlinePhone();
  const { op } = await tab.engine.capture(expense());
  phone.fault = (asked) => (asked.path === "/sync/push" ? "hang" : "pass");
  phone.offline = false;
  let left = false;
  let goOn = () => {};
  // The old turn stands still here until the next page is in the middle of its own.
  phone.onPoint = (name, where) => {
    if (name !== at || where !== tab || left) return;
    left = true;
    tab.leave();
    return new Promise<void>((resolve) => {
      goOn = resolve;
    });
  };
  tab.engine.kick("online");
  if (at === "push:answered") {
    await phone.settle();
    phone.onPoint = () => undefined;
    tab.leave();
    left = true;
  }
  await until(() => left);
  await new Promise((resolve) => setImmediate(resolve));
  const next = await phone.open();
  await phone.settle();
  assert.deepEqual(await states(next), ["sending"]);
  tab.back();
  goOn();
  await new Promise((resolve) => setTimeout(resolve));
  return { phone, tab, next, op };
}

for (const at of ["push:planned", "push:marked", "push:answered"]) {
  test(`a sender that lost its lock at ${at} leaves the marks of the next one alone`, async () => {
    const { phone, tab, next, op } = await overtakenSender(at);
    const db = tab.engine;
    for (let n = 0; n < 50; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual((await db.get(op))?.state, "sending");
    }
    await assert.rejects(tab.engine.discard(op), /being sent/);
    phone.fault = () => "pass";
    await phone.run(MINUTE);
    assert.deepEqual(await states(next), ["accepted"]);
    assert.equal(phone.server.applied.length, 1);
  });
}

test("a record left marked by a page that lost its lock is free again with the next turn", async () => {
  const { phone, tab } = await offlinePhone();
  await tab.engine.capture(expense());
  phone.fault = (asked) => (asked.path === "/sync/push" ? "hang" : "pass");
  phone.offline = false;
  tab.engine.kick("online");
  await phone.settle();
  tab.leave();
  phone.fault = () => "pass";
  tab.back();
  await phone.run(MINUTE);
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal(phone.server.applied.length, 1);
});
