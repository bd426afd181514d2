import assert from "node:assert/strict";
import test from "node:test";
import { type CaptureInput, type Op, TooLate } from "../../static/src/engine/types.ts";
import { expense, HOUR, MINUTE, newId, Phone, photo, states, type Tab, visit } from "./harness.ts";

const HOLD = 8000;

function decision(over: Partial<CaptureInput> = {}): CaptureInput {
  const input = { kind: "expense_claim.approve", agg: ["expense_claim", newId()] as const, data: {}, hold: HOLD };
  return expense({ ...input, title: "Approved", url: "/inbox", ...over });
}

function applied(phone: Phone): string[] {
  return phone.server.applied;
}

async function only(tab: Tab): Promise<Op> {
  const [op, ...more] = await tab.engine.list();
  assert.ok(op && more.length === 0);
  return op;
}

test("a held record is in both stores at once and is sent once its time is over", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  assert.equal((await only(tab)).state, "saved");
  assert.ok(phone.caches.entries("outbox-17").some((path) => path.endsWith(op)));
  await phone.run(HOLD - 1);
  assert.deepEqual(applied(phone), []);
  await phone.run(1);
  assert.deepEqual(applied(phone), [op]);
  assert.deepEqual(await states(tab), ["accepted"]);
  await assert.rejects(tab.engine.undo(op), TooLate);
});

test("other records do not wait for a held one", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(decision());
  const { op } = await tab.engine.capture(expense());
  await phone.settle();
  assert.deepEqual(applied(phone), [op]);
});

test("undo leaves nothing to send, and the server does not look for its number", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  assert.equal(tab.engine.mayUndo(await only(tab)), true);
  assert.equal(await tab.engine.undo(op), null);
  await tab.engine.capture(expense());
  await phone.run(6 * MINUTE);
  assert.equal(phone.server.applied.length, 1);
  assert.ok(!applied(phone).includes(op));
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
  assert.deepEqual(tab.engine.hello()?.missingSeqs, []);
});

test("undo puts the draft back with its fields and photos, and it can be sent again", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const fields = { reason: "The receipt is missing" };
  const draft = { key: "d", kind: "k", title: "t", url: "/inbox", fields, supersedes: null, problems: null };
  await tab.engine.drafts.save(draft);
  const kept = await tab.engine.photos.add("d", photo());
  const { op } = await tab.engine.capture(decision({ draftKey: "d", fields }));
  assert.equal(await tab.engine.drafts.load("d"), undefined);
  const back = await tab.engine.undo(op);
  assert.deepEqual(back?.fields, fields);
  assert.deepEqual((await tab.engine.drafts.load("d"))?.fields, fields);
  assert.deepEqual(
    (await tab.engine.attachmentsOf({ draft: "d" })).map(({ id }) => id),
    [kept.id],
  );
  await tab.engine.drafts.save({ ...draft, fields: { reason: "Another one" } });
  await tab.engine.capture(decision({ draftKey: "d", hold: 0 }));
  await phone.run(MINUTE);
  assert.equal(phone.server.applied.length, 1);
  assert.equal(phone.server.uploads.size, 1);
});

test("undo of a correction leaves the refused record as it was", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op: refused } = await tab.engine.capture(decision({ draftKey: "d", hold: 0, data: { clash: "yes" } }));
  await phone.settle();
  const draft = await tab.engine.reopen(refused);
  const { op } = await tab.engine.capture(decision({ draftKey: draft.key, supersedes: refused }));
  assert.deepEqual(
    (await tab.engine.list()).map((one) => one.op),
    [op],
  );
  const back = await tab.engine.undo(op);
  assert.equal(back?.supersedes, refused);
  assert.deepEqual(
    (await tab.engine.list()).map((one) => [one.op, one.state]),
    [[refused, "conflict"]],
  );
});

test("a hold goes on after a reload, and the same tab may still undo", async () => {
  const phone = new Phone();
  const before = await phone.open();
  const { op } = await before.engine.capture(decision());
  const { held } = before;
  before.kill();
  await phone.run(1000);
  const tab = await phone.open(17, "b1", held);
  await phone.run(3000);
  assert.deepEqual(applied(phone), []);
  await tab.engine.undo(op);
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
});

test("an app that was closed meanwhile sends at its next start", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  tab.kill();
  await phone.run(HOUR);
  assert.deepEqual(applied(phone), []);
  await phone.open();
  await phone.settle();
  assert.deepEqual(applied(phone), [op]);
});

test("a hold survives a wiped database", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  phone.wipeDatabases();
  await phone.open();
  await phone.run(1000);
  assert.deepEqual(applied(phone), []);
  await phone.run(HOLD);
  assert.deepEqual(applied(phone), [op]);
});

test("an undone record does not come back with a wiped database", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision({ draftKey: "d" }));
  await tab.engine.undo(op);
  phone.wipeDatabases();
  const fresh = await phone.open();
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
  assert.deepEqual((await fresh.engine.drafts.load("d"))?.fields, { amount: "46.00", note: "bus" });
});

test("photos of an undone record come back with a wiped database", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const kept = await tab.engine.photos.add("d", photo());
  const { op } = await tab.engine.capture(decision({ draftKey: "d" }));
  await tab.engine.undo(op);
  phone.wipeDatabases();
  const fresh = await phone.open();
  assert.deepEqual(
    (await fresh.engine.attachmentsOf({ draft: "d" })).map(({ id }) => id),
    [kept.id],
  );
  await fresh.engine.capture(decision({ draftKey: "d", hold: 0 }));
  await phone.run(MINUTE);
  assert.equal(phone.server.applied.length, 1);
  assert.equal(phone.server.uploads.get(kept.id)?.stored, true);
});

test("killed in the middle of undo, the record is not sent", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision({ draftKey: "d" }));
  phone.killAt = "undo:committed";
  await Promise.race([tab.engine.undo(op), tab.dead]);
  const next = await phone.open();
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
  assert.ok(await next.engine.drafts.load("d"));
});

test("a hidden page sends at once, and nothing can be undone any more", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  await tab.engine.endHolds();
  await phone.settle();
  assert.deepEqual(applied(phone), [op]);
  await assert.rejects(tab.engine.undo(op), TooLate);
});

test("a page that goes sends in a request that outlives it, and it counts once", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  tab.engine.sendHeldNow();
  const { held } = tab;
  await phone.settle();
  tab.kill();
  assert.deepEqual(applied(phone), [op]);
  const next = await phone.open(17, "b1", held);
  await assert.rejects(next.engine.undo(op), TooLate);
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), [op]);
  assert.deepEqual(await states(next), ["accepted"]);
});

test("too much for a request that outlives its page waits for the next start", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(decision({ data: { reason: "x".repeat(70_000) } }));
  await phone.settle();
  tab.engine.sendHeldNow();
  await phone.settle();
  assert.deepEqual(applied(phone), []);
  await phone.run(MINUTE);
  assert.equal(phone.server.applied.length, 1);
});

for (const [way, ms] of [
  ["back", -HOUR],
  ["forward", HOUR],
] as const) {
  test(`a clock set ${way} does not hold a record for ever, and nothing is both sent and undone`, async () => {
    const phone = new Phone();
    const tab = await phone.open();
    const { op } = await tab.engine.capture(decision());
    await phone.settle();
    phone.now += ms;
    await assert.rejects(tab.engine.undo(op), TooLate);
    tab.engine.kick("visible");
    await phone.settle();
    assert.deepEqual(applied(phone), [op]);
  });
}

test("a clock set back by seconds only makes the hold longer", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  phone.now -= 3000;
  tab.engine.kick("visible");
  await phone.run(HOLD);
  assert.deepEqual(applied(phone), []);
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), [op]);
});

test("another tab sends what a closed tab held, and cannot undo it", async () => {
  const phone = new Phone();
  const [one, two] = [await phone.open(), await phone.open()];
  await phone.settle();
  const { op } = await one.engine.capture(decision());
  await assert.rejects(two.engine.undo(op), TooLate);
  assert.equal(two.engine.mayUndo(await only(two)), false);
  await phone.settle();
  one.kill();
  await phone.run(HOLD);
  assert.deepEqual(applied(phone), [op]);
});

for (const point of ["push:planned", "push:marked", "push:answered", "results:committed"]) {
  for (const first of ["undo", "either"] as const) {
    test(`undo in one tab and sending in the other at ${point}: exactly one wins (${first} first)`, async () => {
      const phone = new Phone();
      const [one] = [await phone.open(), await phone.open()];
      await phone.settle();
      const { op } = await one.engine.capture(decision({ draftKey: "d" }));
      await phone.settle();
      let undone: Promise<boolean> | undefined;
      const undo = () => {
        // Tapped in the last moment of the hold, carried out after the sender had looked.
        phone.now -= 1;
        const result = one.engine.undo(op);
        phone.now += 1;
        return result.then(
          () => true,
          () => false,
        );
      };
      phone.onPoint = (name) => {
        if (name !== point || undone) return;
        undone = undo();
        if (first === "undo") return undone;
      };
      await phone.run(HOLD);
      const won = await undone;
      assert.equal(typeof won, "boolean");
      await phone.run(MINUTE);
      assert.equal(applied(phone).includes(op), !won);
      assert.equal(phone.server.applied.length, won ? 0 : 1);
      if (first === "undo") assert.equal(won, point === "push:planned");
    });
  }
}

test("a discard that meets the sender between planning and marking is not sent", async () => {
  const phone = new Phone();
  phone.offline = true;
  const [one, two] = [await phone.open(), await phone.open()];
  const { op } = await one.engine.capture(expense());
  await phone.settle();
  phone.offline = false;
  let discarded: Promise<void> | undefined;
  phone.onPoint = (name) => {
    if (name === "push:planned") discarded ??= one.engine.discard(op);
  };
  two.engine.kick("online");
  await phone.settle();
  const gone = await discarded?.then(
    () => true,
    () => false,
  );
  assert.equal(applied(phone).includes(op), !gone);
});

test("what builds on a held record makes it final", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const id = newId();
  const { op } = await tab.engine.capture({ ...visit("visit.cancel", id), hold: HOLD });
  await tab.engine.capture(visit("visit.restore", id));
  await assert.rejects(tab.engine.undo(op), TooLate);
  await phone.settle();
  assert.equal(phone.server.applied.length, 2);
});

test("send now ends the hold", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  tab.engine.kick("asked");
  await phone.settle();
  assert.deepEqual(applied(phone), [op]);
});

/** How often records were pushed, and which. */
function pushes(phone: Phone): string[][] {
  const seen: string[][] = [];
  const { fault } = phone;
  phone.fault = (asked) => {
    if (asked.path === "/sync/push") {
      const { ops } = JSON.parse(asked.body as string) as { ops: string[] };
      seen.push(ops.map((body) => (JSON.parse(body) as { op: string }).op));
    }
    return fault(asked);
  };
  return seen;
}

/** Another page in the same tab, which goes on with what is held. */
async function goOn(phone: Phone, tab: Tab): Promise<Tab> {
  tab.leave();
  return phone.open(17, "b1", tab.held);
}

/** Back to a page that lay in the browser's memory. */
async function goBack(phone: Phone, from: Tab, to: Tab): Promise<void> {
  to.held = from.held;
  from.kill();
  to.back();
  await phone.settle();
}

test("a decision taken back on the next page is not sent by the page before, once that is shown again and left", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  const next = await goOn(phone, tab);
  await next.engine.undo(op);
  await goBack(phone, next, tab);
  tab.engine.sendHeldNow();
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
});

test("a page that is shown again goes on with what is still held", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  const next = await goOn(phone, tab);
  await phone.run(1000);
  await goBack(phone, next, tab);
  assert.equal(tab.engine.mayUndo(await only(tab)), true);
  await tab.engine.undo(op);
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
});

test("what another tab discarded is not sent by the page that held it", async () => {
  const phone = new Phone();
  const [one, two] = [await phone.open(), await phone.open()];
  await phone.settle();
  const { op } = await one.engine.capture(decision());
  await two.engine.discard(op);
  await phone.settle();
  one.engine.sendHeldNow();
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), []);
});

/** Calls `then` in undo's transaction: as its last row is written, in its middle or in its very commit. */
function whileUndoing(committing: boolean, then: () => void): void {
  const { prototype } = IDBObjectStore;
  const original = prototype.put;
  prototype.put = function (value, key) {
    const request = original.call(this, value, key);
    if (typeof key !== "string" || !key.startsWith("gone:")) return request;
    prototype.put = original;
    if (!committing) then();
    else
      request.addEventListener("success", () => {
        this.transaction.commit();
        then();
      });
    return request;
  };
}

for (const committing of [false, true]) {
  test(`a page left in the middle of undo${committing ? ", in its very commit" : ""}: exactly one wins`, async () => {
    const phone = new Phone();
    const tab = await phone.open();
    const { op } = await tab.engine.capture(decision());
    await phone.settle();
    let left = false;
    const leave = () => {
      tab.leave();
      tab.engine.sendHeldNow();
      left = true;
    };
    whileUndoing(committing, leave);
    const undone = tab.engine.undo(op).then(
      () => true,
      () => false,
    );
    while (!left) await new Promise((resolve) => setImmediate(resolve));
    await phone.settle();
    tab.back();
    const won = await undone;
    await phone.run(MINUTE);
    assert.deepEqual(applied(phone), won ? [] : [op]);
    assert.equal((await tab.engine.list()).length, won ? 0 : 1);
  });
}

test("a page left in the middle of undo and sent from elsewhere meanwhile says that it is too late", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(decision());
  await phone.settle();
  let left = false;
  whileUndoing(false, () => {
    tab.leave();
    left = true;
  });
  const undone = assert.rejects(tab.engine.undo(op), TooLate);
  while (!left) await new Promise((resolve) => setImmediate(resolve));
  const next = await phone.open(17, "b1", tab.held);
  await phone.run(MINUTE);
  await goBack(phone, next, tab);
  await undone;
  assert.deepEqual(applied(phone), [op]);
});

test("what is over is held no more: nothing is sent twice as the page goes, and other tabs are not told of a hold", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const seen = pushes(phone);
  const told: unknown[] = [];
  const { op } = await tab.engine.capture(decision());
  await phone.run(HOLD);
  assert.deepEqual(seen, [[op]]);
  phone.channels.add({ name: "outbox-17", tab, onmessage: ({ data }) => void told.push(data) });
  await tab.engine.capture(expense());
  await phone.settle();
  assert.ok(told.length > 0 && !told.includes("held"), String(told));
  assert.deepEqual(tab.held, []);
  tab.engine.sendHeldNow();
  await phone.settle();
  assert.equal(seen.filter((ops) => ops.includes(op)).length, 1);
});

test("of more than a request takes that outlives its page, the first go", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const ops: string[] = [];
  for (let n = 0; n < 3; n++)
    ops.push((await tab.engine.capture(decision({ data: { reason: "x".repeat(25_000) } }))).op);
  await phone.settle();
  tab.engine.sendHeldNow();
  await phone.settle();
  assert.deepEqual(applied(phone), ops.slice(0, 2));
  await phone.run(MINUTE);
  assert.deepEqual(applied(phone), ops);
});
