import assert from "node:assert/strict";
import test from "node:test";
import { DAY, expense, Phone, photo, states } from "./harness.ts";

test("39 a session that ended keeps everything, asks to sign in once, and resumes", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.server.signedIn = false;
  await tab.engine.capture(expense());
  await tab.engine.capture(expense());
  await phone.run(3 * DAY);
  assert.equal(tab.engine.link(), "sign_in");
  assert.deepEqual(await states(tab), ["saved", "saved"]);
  assert.equal((await tab.engine.counts()).unsent, 2);
  phone.server.signedIn = true;
  tab.engine.kick("pageshow");
  await phone.settle();
  assert.equal(tab.engine.link(), "online");
  assert.deepEqual(await states(tab), ["accepted", "accepted"]);
});

test("39 a session that ends in the middle of a photo keeps the photo", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo(600_000));
  phone.fault = (asked) => {
    if (asked.method === "PATCH") phone.server.signedIn = false;
    return "pass";
  };
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  assert.equal(tab.engine.link(), "sign_in");
  phone.fault = () => "pass";
  phone.server.signedIn = true;
  tab.engine.kick("pageshow");
  await phone.settle();
  assert.equal((await tab.engine.attachmentsOf({ op }))[0]?.state, "stored");
});
