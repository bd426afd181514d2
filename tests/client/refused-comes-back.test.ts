import assert from "node:assert/strict";
import test from "node:test";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { DAY, expense, HOUR, newId, Phone, photo, states, visit } from "./harness.ts";

async function refused(phone: Phone) {
  const tab = await phone.open();
  await tab.engine.photos.add("expense_item:new", photo(2000));
  const input = expense({ draftKey: "expense_item:new", fields: { note: "bus" } }, { amount: "0" });
  const { op } = await tab.engine.capture(input);
  await phone.settle();
  return { tab, op, input };
}

const settled = { unsent: 0, attention: 0, photos: 0, oldest: null };

test("52 a refused record comes back filled in, with the reasons and its photos", async () => {
  const phone = new Phone();
  const { tab, op, input } = await refused(phone);
  assert.equal((await tab.engine.get(op))?.state, "rejected");
  assert.deepEqual(await tab.engine.counts(), { ...settled, attention: 1, photoAt: null });
  const draft = await tab.engine.reopen(op);
  assert.equal(draft.key, "expense_item:new");
  assert.deepEqual(draft.fields, { note: "bus" });
  assert.deepEqual(draft.problems, { amount: ["missing"] });
  assert.equal((await tab.engine.attachmentsOf({ draft: draft.key })).length, 1);
  assert.deepEqual(await tab.engine.reopen(op), draft);
  assert.equal((await tab.engine.attachmentsOf({ draft: draft.key })).length, 1);
  await tab.engine.drafts.save({ ...draft, supersedes: null });
  const next = await tab.engine.capture({ ...input, data: { ...input.data, amount: "46.00" } });
  await phone.run(HOUR);
  const envelope = JSON.parse((await tab.engine.get(next.op))?.body ?? "") as Envelope;
  assert.equal(envelope.supersedes, op);
  assert.deepEqual(envelope.depends, []);
  assert.equal(envelope.atts.length, 1);
  assert.deepEqual(await states(tab), ["accepted"]);
  const { photoAt, ...rest } = await tab.engine.counts();
  assert.deepEqual(rest, settled);
  assert.notEqual(photoAt, null);
  assert.equal([...phone.server.uploads.values()].filter((upload) => upload.stored).length, 1);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
});

test("52 the server is asked in the language of the page that will show its words", async () => {
  const phone = new Phone();
  const asked = new Set<string | null>();
  phone.fault = ({ headers }) => {
    asked.add(headers.get("Accept-Language"));
    return "pass";
  };
  await refused(phone);
  assert.deepEqual([...asked], ["zh-Hans"]);
});

test("31 52 photos of a reopened record come back with a wiped database, also once its form was saved", async () => {
  for (const saves of [0, 2]) {
    const phone = new Phone();
    const { tab, op, input } = await refused(phone);
    await phone.run(1000);
    const draft = await tab.engine.reopen(op);
    const [kept] = await tab.engine.attachmentsOf({ draft: draft.key });
    for (let n = 0; n < saves; n++) await tab.engine.drafts.save({ ...draft, fields: { note: `bus ${n}` } });
    phone.wipeDatabases();
    const fresh = await phone.open();
    await phone.settle();
    const back = await fresh.engine.attachmentsOf({ draft: draft.key });
    assert.deepEqual(
      back.map(({ id }) => id),
      [kept?.id],
    );
    assert.equal((await fresh.engine.attachmentsOf({ op })).length, 1);
    await fresh.engine.capture({ ...input, data: { ...input.data, amount: "46.00" } });
    await phone.run(HOUR);
    assert.deepEqual(await states(fresh), ["accepted"]);
    assert.equal(phone.server.uploads.get(kept?.id ?? "")?.stored, true);
  }
});

test("52 killed anywhere while reopening, the refused record and its photos are still there", async () => {
  const phone = new Phone();
  const { tab, op } = await refused(phone);
  phone.killAt = "reopen:copied";
  await Promise.race([tab.engine.reopen(op), tab.dead]);
  const again = await phone.open();
  assert.deepEqual(await states(again), ["rejected"]);
  const draft = await again.engine.reopen(op);
  assert.equal((await again.engine.attachmentsOf({ draft: draft.key })).length, 1);
});

test("52 another form already open under the same key is left alone", async () => {
  const phone = new Phone();
  const { tab, op } = await refused(phone);
  await tab.engine.drafts.load("expense_item:new");
  const other = { kind: "k", title: "t", url: "/u", fields: { note: "taxi" }, supersedes: null, problems: null };
  await tab.engine.drafts.save({ key: "expense_item:new", ...other });
  const draft = await tab.engine.reopen(op);
  assert.equal(draft.key, `op:${op}`);
  assert.deepEqual((await tab.engine.drafts.load("expense_item:new"))?.fields, { note: "taxi" });
});

test("52 giving up the correction leaves the refused record; discarding that is its author's word", async () => {
  const phone = new Phone();
  const { tab, op } = await refused(phone);
  const draft = await tab.engine.reopen(op);
  await tab.engine.drafts.remove(draft.key);
  assert.deepEqual(await states(tab), ["rejected"]);
  assert.equal((await tab.engine.attachmentsOf({ op })).length, 1);
  await tab.engine.discard(op);
  assert.deepEqual(await states(tab), []);
  assert.deepEqual(phone.caches.entries("outbox-17"), []);
  await phone.run(DAY);
  tab.kill();
  assert.deepEqual(await states(await phone.open()), []);
});

test("52 discarding the correction brings the refused record back", async () => {
  const phone = new Phone();
  const { tab, op, input } = await refused(phone);
  phone.offline = true;
  await tab.engine.reopen(op);
  const next = await tab.engine.capture({ ...input, data: { ...input.data, amount: "1" } });
  assert.deepEqual(await states(tab), ["saved"]);
  await phone.settle();
  await tab.engine.discard(next.op);
  assert.deepEqual(await states(tab), ["rejected"]);
  assert.equal((await tab.engine.attachmentsOf({ op })).length, 1);
});

test("12 36 received or held records cannot be discarded, nor one that is being sent", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense());
  await phone.settle();
  await assert.rejects(tab.engine.discard(op), /received/);
  phone.fault = (asked) => (asked.path === "/sync/push" ? "hang" : "pass");
  const sending = await tab.engine.capture(expense());
  await phone.settle();
  await assert.rejects(tab.engine.discard(sending.op), /being sent/);
  assert.equal((await tab.engine.list()).length, 2);
});

test("46 what depends on a refused record waits for its correction and then goes", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const input = expense({}, { amount: "0" });
  const parent = await tab.engine.capture(input);
  const child = await tab.engine.capture(visit("claim.submit", newId(), { items: [input.agg[1]] }));
  const other = await tab.engine.capture(expense());
  phone.offline = false;
  tab.engine.kick("online");
  await phone.run(HOUR);
  assert.equal((await tab.engine.get(parent.op))?.state, "rejected");
  assert.equal((await tab.engine.get(other.op))?.state, "accepted");
  assert.ok(["saved", "held"].includes((await tab.engine.get(child.op))?.state ?? ""));
  const draft = await tab.engine.reopen(parent.op);
  await tab.engine.capture({ ...input, draftKey: draft.key, data: { ...input.data, amount: "5" } });
  await phone.run(3 * HOUR);
  assert.equal((await tab.engine.get(child.op))?.state, "accepted");
  assert.deepEqual(await states(tab), ["accepted", "accepted", "accepted"]);
});

test("46 49 what is made after a refusal and speaks of it stays on the phone, the rest goes", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const input = expense({}, { amount: "0" });
  const parent = await tab.engine.capture(input);
  await phone.settle();
  const child = await tab.engine.capture(visit("claim.submit", newId(), { items: [input.agg[1]] }));
  const other = await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.equal((await tab.engine.get(child.op))?.state, "saved");
  assert.equal((await tab.engine.get(child.op))?.attempts, 0);
  assert.equal((await tab.engine.get(other.op))?.state, "accepted");
  await tab.engine.discard(parent.op);
  tab.engine.kick("tap");
  await phone.settle();
  assert.notEqual((await tab.engine.get(child.op))?.state, "saved");
});

test("12 received records stay for thirty days as proof, then go; unsent ones never do", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.settle();
  phone.offline = true;
  await tab.engine.capture(expense());
  await phone.settle();
  phone.now += 29 * DAY;
  tab.kill();
  const later = await phone.open();
  assert.deepEqual(await states(later), ["accepted", "saved"]);
  later.kill();
  phone.now += 400 * DAY;
  assert.deepEqual(await states(await phone.open()), ["saved"]);
});

test("72 the rescue file holds the frozen bytes and photos of all that is not received", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo(900));
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  const files = new Map((await tab.engine.rescue()).map((file) => [file.name, file.bytes]));
  const row = await tab.engine.get(op);
  const manifest = JSON.parse(new TextDecoder().decode(files.get("manifest.json")));
  assert.equal(new TextDecoder().decode(files.get(manifest.ops[0].file)), row?.body);
  assert.equal(files.get(manifest.atts[0].file)?.length, 900);
  assert.equal(manifest.ops[0].sha256, row?.sha256);
});

test("51 a decision about an earlier round is made anew on its page, for what is seen there", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const decision = { url: "/inbox/expense_claim/x/approve", draft: "expense_claim.approve:x:2", changes: [] };
  const input = expense({ draftKey: null, fields: { reason: "fine", _base: "the old round" } }, { decision });
  const { op } = await tab.engine.capture(input);
  await phone.settle();
  const draft = await tab.engine.reopen(op);
  assert.deepEqual([draft.url, draft.key, draft.supersedes], [decision.url, decision.draft, op]);
  assert.deepEqual(draft.fields, { reason: "fine" });
});
