import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject, Op } from "../../static/src/engine/types.ts";
import { type Conflict, conflictOf, reopenedFields, resolve } from "../../static/src/page/conflict-rules.ts";
import { Phone } from "./harness.ts";
import { newId } from "./inputs.ts";

const BASE = '{"ver":1,"fields":{"serial_no":"1","model":"A","note":null}}';

/** The technician wrote serial 2 and a note; the desk meanwhile serial 3 and another model. */
const meeting: Conflict = {
  ver: 2,
  fields: { serial_no: "3", model: "B", note: null },
  data: { serial_no: "3", model: "B", note: "loose" },
  disputed: [
    {
      name: "serial_no",
      label: "Serial no.",
      mine: "2",
      theirs: "3",
      mine_words: "2",
      theirs_words: "3",
      words: "You wrote: 2. Meanwhile Li wrote: 3, Nov 22 09:14.",
    },
  ],
};

function op(over: Partial<Op> = {}): Op {
  const data = { serial_no: "2", model: "A", note: "loose" };
  return {
    state: "conflict",
    body: JSON.stringify({ schema: 1, base: JSON.parse(BASE), data }),
    fields: { serial_no: "2", model: "A", note: "loose", _base: BASE },
    result: { current: { merge: meeting as unknown as JsonObject } },
    ...over,
  } as Op;
}

test("51 only a conflict by field has a card", () => {
  assert.equal(conflictOf(op())?.disputed[0]?.label, "Serial no.");
  assert.equal(conflictOf(op({ state: "rejected" })), null);
  assert.equal(conflictOf(op({ result: { current: { report: "x" } } as unknown as Op["result"] })), null);
  assert.equal(conflictOf(op({ result: null })), null);
});

test("51 keeping mine sends my value on top of what holds now", () => {
  const made = resolve(op(), meeting, { serial_no: "mine" });
  assert.deepEqual(made.data, { serial_no: "2", model: "B", note: "loose" });
  assert.deepEqual(made.base, { ver: 2, fields: meeting.fields });
  assert.equal(made.schema, 1);
});

test("51 taking theirs keeps what nobody disputes", () => {
  const made = resolve(op(), meeting, { serial_no: "theirs" });
  assert.deepEqual(made.data, { serial_no: "3", model: "B", note: "loose" });
  // Should this be refused again, the form comes back with what was decided and seen.
  assert.equal(made.fields.serial_no, "3");
  assert.deepEqual(JSON.parse(String(made.fields._base)), { ver: 2, fields: meeting.fields });
});

test("51 what was emptied stays empty, also where that is the decision", () => {
  const emptied: Conflict = {
    ...meeting,
    data: { ...meeting.data, model: null },
    disputed: meeting.disputed.map((one) => ({ ...one, mine: null })),
  };
  assert.deepEqual(resolve(op(), emptied, { serial_no: "mine" }).data, { note: "loose" });
  assert.deepEqual(resolve(op(), emptied, { serial_no: "theirs" }).data, { serial_no: "3", note: "loose" });
});

test("51 data that nobody compares comes along", () => {
  const body = JSON.stringify({ schema: 3, data: { visit_id: "v", serial_no: "2" } });
  const made = resolve(op({ body }), meeting, {});
  assert.equal(made.data.visit_id, "v");
  assert.equal(made.schema, 3);
});

test("51 the reopened form begins with my words on top of what holds now, once", () => {
  const first = reopenedFields(op(), op().fields);
  assert.equal(first?.serial_no, "2");
  assert.equal(first?.model, "B");
  assert.equal(first?.note, "loose");
  // What was typed since is the author's: it is not filled in a second time.
  assert.equal(reopenedFields(op(), { ...first, note: "typed since" }), null);
  assert.equal(reopenedFields(op({ state: "rejected" }), op().fields), null);
});

test("51 whatever is chosen, the decision agrees with what holds now in every other field", () => {
  const value = fc.oneof(fc.constant(null), fc.string(), fc.integer());
  const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 });
  fc.assert(
    fc.property(names, fc.array(value, { minLength: 8, maxLength: 8 }), fc.boolean(), (disputed, values, keep) => {
      const all = ["a", "b", "c", "d"] as const;
      const theirs = Object.fromEntries(all.map((name, i) => [name, values[i] ?? null]));
      const mine = Object.fromEntries(all.map((name, i) => [name, values[i + 4] ?? null]));
      const met: Conflict = {
        ver: 9,
        fields: theirs,
        data: theirs,
        disputed: disputed.map((name) => ({
          ...{ name, label: name, mine: mine[name] ?? null, theirs: theirs[name] ?? null },
          ...{ mine_words: "", theirs_words: "", words: "" },
        })),
      };
      const choices = Object.fromEntries(
        disputed.map((name) => [name, keep ? ("mine" as const) : ("theirs" as const)]),
      );
      const { data } = resolve(op({ body: JSON.stringify({ schema: 1, data: mine }) }), met, choices);
      for (const name of all) {
        const wanted = keep && disputed.includes(name) ? mine[name] : theirs[name];
        assert.deepEqual(data[name] ?? null, wanted ?? null);
      }
    }),
  );
});

test("51 the decision supersedes on the phone; the conflict is gone and its words are in the new record", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const agg = ["asset", newId()] as const;
  const first = { kind: "asset.amend", schema: 1, agg, title: "t", url: "/u", draftKey: null };
  phone.offline = true;
  const base = JSON.parse(BASE);
  const sent = await tab.engine.capture({ ...first, base, data: { serial_no: "2" }, fields: { _base: BASE } });
  const refused = (await tab.engine.get(sent.op)) as Op;
  const made = resolve(refused, meeting, { serial_no: "mine" });
  const next = await tab.engine.capture({ ...first, ...made, supersedes: sent.op });
  const shown = await tab.engine.list();
  assert.deepEqual(
    shown.map((one) => one.op),
    [next.op],
  );
  const envelope = JSON.parse(shown[0]?.body ?? "{}");
  assert.equal(envelope.supersedes, sent.op);
  assert.deepEqual(envelope.base, { ver: 2, fields: meeting.fields });
  assert.deepEqual(envelope.depends, []);
});

test("46 51 a decision does not wait for what waits for it", async () => {
  const phone = new Phone();
  phone.offline = true;
  const tab = await phone.open();
  const agg = ["asset", newId()] as const;
  const input = { kind: "asset.amend", schema: 1, agg, title: "t", url: "/u", draftKey: null, base: null, fields: {} };
  const dependsOf = async (op: string) => JSON.parse((await tab.engine.get(op))?.body ?? "{}").depends;
  const first = await tab.engine.capture({ ...input, data: { n: "1" } });
  const second = await tab.engine.capture({ ...input, data: { n: "2" } });
  const third = await tab.engine.capture({ ...input, data: { n: "3" } });
  assert.deepEqual(await dependsOf(second.op), [first.op]);
  assert.deepEqual(new Set(await dependsOf(third.op)), new Set([first.op, second.op]));
  const decision = await tab.engine.capture({ ...input, data: { n: "4" }, supersedes: first.op });
  assert.deepEqual(await dependsOf(decision.op), []);
  // Decided once more: what waited for the very first version still waits for this one.
  const again = await tab.engine.capture({ ...input, data: { n: "5" }, supersedes: decision.op });
  assert.deepEqual(await dependsOf(again.op), []);
  // Anything new comes after all of them.
  const later = await tab.engine.capture({ ...input, data: { n: "6" } });
  assert.deepEqual(new Set(await dependsOf(later.op)), new Set([second.op, third.op, again.op]));
});

test("57 two records may be called the same; only ids and numbers are unique", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const input = (note: string) => ({
    ...{ kind: "asset.amend", schema: 1, agg: ["asset", newId()] as const, base: null, data: { note } },
    ...{ title: "The same name", url: "/u", draftKey: null, fields: {} },
  });
  await tab.engine.capture(input("a"));
  await tab.engine.capture(input("b"));
  await phone.settle();
  assert.deepEqual(
    (await tab.engine.list()).map((one) => one.title),
    ["The same name", "The same name"],
  );
});
