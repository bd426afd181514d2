/** Failure mode 39: a session that has run out strands no queue, and nobody is asked for a word. */
import assert from "node:assert/strict";
import test from "node:test";
import { DAY, expense, HOUR, newId, Phone, photo, states } from "./harness.ts";

async function trusted(): Promise<{ phone: Phone; tab: Awaited<ReturnType<Phone["open"]>> }> {
  const phone = new Phone();
  phone.server.issues = true;
  const tab = await phone.open();
  await phone.settle();
  return { phone, tab };
}

test("39 with a token the session may end: records and photos go on, and nobody is asked to sign in", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  await tab.engine.photos.add("d", photo(600_000));
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  assert.equal(tab.engine.link(), "online");
  assert.deepEqual(await states(tab), ["accepted"]);
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "stored");
});

test("39 the token outlives the tab", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  phone.offline = true;
  await tab.engine.capture(expense());
  tab.kill();
  phone.offline = false;
  const again = await phone.open();
  await phone.run(HOUR);
  assert.deepEqual(await states(again), ["accepted"]);
});

test("45 a token that was revoked and a session that ended: everything is kept, one asks to sign in", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  phone.server.tokens.clear();
  await tab.engine.capture(expense());
  await phone.run(3 * DAY);
  assert.equal(tab.engine.link(), "sign_in");
  assert.deepEqual(await states(tab), ["saved"]);
  phone.server.signedIn = true;
  tab.engine.kick("pageshow");
  await phone.settle();
  assert.deepEqual(await states(tab), ["accepted"]);
  // Signed in, it was given a new one.
  phone.server.signedIn = false;
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted"]);
});

test("39 an answer with a new token that is lost strands nothing", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  const given = phone.server.tokens.size;
  // The server would rather see a new one, and its answers are lost: the old one is still good.
  phone.server.renews = true;
  phone.fault = (asked) => (asked.path === "/sync/hello" ? "lost" : "pass");
  await phone.run(HOUR);
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.ok(phone.server.tokens.size > given);
  assert.deepEqual(await states(tab), ["saved"]);
  phone.fault = () => "pass";
  tab.engine.kick("online");
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted"]);
});

test("39 a server that gives no token is worked with as before", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted"]);
});

function decision(id = newId()) {
  return expense({ kind: "parts_request.approve", agg: ["parts_request", id] as const });
}

test("39 by the token only own work goes: a decision waits for its author to sign in, and then goes once", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  const { op } = await tab.engine.capture(decision());
  await tab.engine.capture(expense());
  await phone.run(3 * DAY);
  assert.equal(tab.engine.link(), "sign_in");
  const waiting = await tab.engine.get(op);
  assert.deepEqual([waiting?.state, waiting?.lastError], ["saved", "session.needed"], "kept, and never parked");
  assert.equal(phone.server.applied.length, 1, "what is own work did not wait for it");
  // Signed in on another page: the new page says hello, and nothing waits for its pause.
  phone.server.signedIn = true;
  tab.kill();
  const again = await phone.open();
  await phone.settle();
  assert.deepEqual(await states(again), ["accepted", "accepted"]);
  assert.equal(again.engine.link(), "online");
  assert.deepEqual(
    phone.server.applied.filter((id) => id === op),
    [op],
  );
});

test("39 what refers to a decision waits with it, the next decision does not stop own work", async () => {
  const { phone, tab } = await trusted();
  phone.server.signedIn = false;
  const id = newId();
  await tab.engine.capture(decision(id));
  await tab.engine.capture(expense({ agg: ["parts_request", id] }));
  await tab.engine.capture(decision());
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.equal(phone.server.applied.length, 1);
  phone.server.signedIn = true;
  await phone.run(HOUR);
  assert.deepEqual(await states(tab), ["accepted", "accepted", "accepted", "accepted"]);
  assert.equal(tab.engine.link(), "online");
});
