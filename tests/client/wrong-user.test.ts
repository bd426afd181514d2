import assert from "node:assert/strict";
import test from "node:test";
import { openCore } from "../../static/src/engine/core-db.ts";
import { expense, HOUR, Phone, photo, states } from "./harness.ts";

test("41 another person signed in: nothing is sent, shown or lost; only its number is known", async () => {
  const phone = new Phone();
  phone.offline = true;
  const first = await phone.open(17);
  await first.engine.photos.add("d", photo());
  await first.engine.capture(expense({ draftKey: "d" }));
  await first.engine.capture(expense());
  await phone.settle();
  first.kill();
  phone.offline = false;
  phone.server.user = 18;
  const second = await phone.open(18);
  await second.engine.capture(expense());
  await phone.run(HOUR);
  assert.deepEqual(await states(second), ["accepted"]);
  assert.equal(phone.server.log.filter((entry) => entry.body.includes('\\"user\\":17')).length, 0);
  const core = openCore(second.env());
  const accounts = await core.accounts();
  assert.deepEqual(
    accounts.map(({ user, unsent }) => [user, unsent]),
    [
      [17, 2],
      [18, 0],
    ],
  );
  core.close();
  second.kill();
  phone.server.user = 17;
  const back = await phone.open(17);
  await phone.run(HOUR);
  assert.deepEqual(await states(back), ["accepted", "accepted"]);
});

test("41 a page of one person with the session of another sends nothing", async () => {
  const phone = new Phone();
  phone.server.user = 18;
  const tab = await phone.open(17);
  const { op } = await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.equal(tab.engine.link(), "wrong_user");
  assert.equal((await tab.engine.get(op))?.state, "saved");
  assert.equal(phone.server.count("/sync/push"), 0);
});

test("41 the session changes between hello and push: wrong_user leaves the record untouched", async () => {
  const phone = new Phone();
  const tab = await phone.open(17);
  await phone.settle();
  phone.server.user = 18;
  const { op } = await tab.engine.capture(expense());
  await phone.settle();
  assert.equal(tab.engine.link(), "wrong_user");
  assert.equal((await tab.engine.get(op))?.state, "saved");
  assert.equal(phone.server.ledger.size, 0);
  phone.server.user = 17;
  tab.engine.kick("pageshow");
  await phone.settle();
  assert.equal((await tab.engine.get(op))?.state, "accepted");
});
