import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft, Op, OpState } from "../../static/src/engine/types.ts";
import {
  assessRecord,
  assessReport,
  type Fact,
  findDraftOfCopy,
  formatYuan,
  freeItems,
  newest,
  summarizeClaims,
  toFen,
} from "../../static/src/page/facts.ts";

const op = (id: string, kind: string, agg: string, data: object, state: OpState = "saved", receivedAt = 0): Op =>
  ({
    op: id,
    kind,
    agg: agg.split(":"),
    body: JSON.stringify({ data }),
    state,
    receivedAt,
    fields: {},
  }) as unknown as Op;
const fact = (at: number, value: object): Fact => ({ at, value: value as Fact["value"] });
const report = (id: string, visit: string, state: OpState = "saved", receivedAt = 0) =>
  op(id, "service_report.submit", `service_report:${id}`, { visit_id: visit }, state, receivedAt);

test("the newest statement of a record holds; of two equally old ones the first", () => {
  assert.equal(newest(null, undefined), null);
  assert.equal(newest(fact(1, { a: "1" }), fact(2, { a: "2" }))?.at, 2);
  assert.deepEqual(newest(fact(2, { a: "1" }), fact(2, { a: "2" }))?.value, { a: "1" });
});

test("a report form kept from the first visit names the second once a newer page does", () => {
  const drawn = { visit: "v1", at: 100 };
  assert.deepEqual(assessReport(drawn, {}, [], 0), { visit: "v1" });
  assert.equal(assessReport(drawn, { job: fact(200, { visit: "v2" }) }, [], 0).visit, "v2");
  assert.equal(assessReport(drawn, { due: fact(200, { visit: "v2", report: "" }) }, [], 0).visit, "v2");
  // What was known before the form was drawn changes nothing.
  assert.equal(assessReport(drawn, { job: fact(50, { visit: "v0" }) }, [], 0).visit, "v1");
  // An older report of the first visit is none of the second.
  const both = { due: fact(150, { visit: "v1", report: "r1", state: "accepted" }), job: fact(200, { visit: "v2" }) };
  assert.deepEqual(assessReport(drawn, both, [report("o1", "v1", "accepted", 120)], 0), { visit: "v2" });
});

test("a visit that was reported from this phone is not reported again by accident", () => {
  const drawn = { visit: "v1", at: 100 };
  for (const state of ["saved", "sending", "held", "parked"] as const) {
    assert.equal(assessReport(drawn, {}, [report("o1", "v1", state)], 0).notice?.state, "sent");
  }
  assert.equal(assessReport(drawn, {}, [report("o1", "v1", "accepted", 150)], 0).notice?.state, "sent");
  // Drawn after the receipt, the page knows better: the leader may have sent the report back.
  assert.equal(assessReport({ visit: "v1", at: 200 }, {}, [report("o1", "v1", "accepted", 150)], 0).notice, undefined);
  assert.equal(assessReport(drawn, {}, [report("o1", "other")], 0).notice, undefined);
});

test("a report that came back is corrected, not written anew", () => {
  const refused = report("o1", "v1", "rejected");
  assert.equal(assessReport({ visit: "v1", at: 100 }, {}, [refused], 0).notice?.state, "refused");
  assert.equal(assessReport({ visit: "v1", at: 100 }, {}, [refused], 0, "o1").notice, undefined);
});

test("a report that the server has is opened, an accepted one is over", () => {
  const due = (state: string) => ({ due: fact(200, { visit: "v1", report: "r1", state }) });
  assert.deepEqual(assessReport({ visit: "v1", at: 100 }, due("submitted"), [], 0).notice, {
    state: "received",
    record: "r1",
  });
  assert.equal(assessReport({ visit: "v1", at: 100 }, due("accepted"), [], 0).notice?.state, "over");
});

test("a correction that is on its way is not made a second time; where it may be, it begins with the first", () => {
  const key = "parts_request:p1";
  const drawn = fact(100, { state: "returned" });
  const sent = op("o1", "parts_request.resubmit", key, {});
  assert.deepEqual(assessRecord(key, drawn, null, [], 0), {});
  assert.equal(assessRecord(key, drawn, null, [sent], 0).notice?.state, "sent");
  assert.equal(assessRecord(key, drawn, null, [sent], 0, "o1").notice, undefined);
  assert.equal(assessRecord(key, drawn, null, [{ ...sent, state: "conflict" }], 0).notice?.state, "refused");
  assert.equal(assessRecord(key, drawn, fact(200, { state: "submitted" }), [], 0).notice?.state, "over");
  assert.deepEqual(assessRecord(key, drawn, fact(200, { state: "returned" }), [], 0), {});
  const item = "expense_item:i1";
  const edited = op("o2", "expense_item.resubmit", item, {});
  assert.equal(assessRecord(item, drawn, null, [edited], 0, null, true).refill?.op, "o2");
  const claimed = op("o3", "expense_claim.submit", "expense_claim:c1", { items: ["i1"] });
  assert.equal(assessRecord(item, drawn, null, [claimed, edited], 0, null, true).notice?.state, "sent");
});

test("a claim is made of what is free by everything this phone knows", () => {
  const list = fact(100, [{ id: "a", title: "", about: "", amount: "1.00" }, { id: "b" }, { id: "c" }, { id: "d" }]);
  const ops = [
    op("o4", "expense_item.resubmit", "expense_item:d", { amount: "9.50" }),
    op("o3", "expense_claim.submit", "expense_claim:2", { items: ["c"] }, "rejected"),
    op("o2", "expense_claim.submit", "expense_claim:1", { items: ["a"] }, "accepted", 150),
    op("o1", "expense_item.discard", "expense_item:b", {}),
    op("o0", "expense_claim.submit", "expense_claim:0", { items: ["d"] }, "accepted", 50),
  ];
  const free = freeItems(list, ops, 0);
  assert.deepEqual([...free.taken], ["a", "b"]);
  assert.deepEqual([...free.refused], ["c"]);
  assert.deepEqual([...free.amounts], [["d", "9.50"]]);
  // The claim that is corrected has its own expenses.
  assert.deepEqual([...freeItems(list, ops, 0, "o3").refused], []);
});

test("what the newest page knows and does not call free is free no more, though an older page draws it as unsent", () => {
  const list = fact(100, [{ id: "listed", title: "", about: "", amount: "1.00" }]);
  const capture = (id: string, state: OpState, receivedAt = 0) =>
    op(`o-${id}`, "expense_item.capture", `expense_item:${id}`, { amount: "7.25" }, state, receivedAt);
  const ops = [
    capture("waits", "saved"),
    capture("later", "accepted", 150),
    capture("claimed", "accepted", 50),
    capture("listed", "accepted", 40),
  ];
  assert.deepEqual([...freeItems(list, ops, 0).gone], ["claimed"]);
});

test("amounts are added up in fen", () => {
  assert.equal(toFen("1,234.50") + toFen("0.10") + toFen("0.20") + toFen("") + toFen("x"), 123480);
  assert.equal(formatYuan(123480), "1,234.80");
  assert.equal(formatYuan(5), "0.05");
  assert.equal(formatYuan(123456789), "1,234,567.89");
});

const draft = (key: string, kind: string, url: string, more: Partial<Draft> = {}): Draft =>
  ({ key, kind, url, state: "open", supersedes: null, ...more }) as Draft;

test("71 a draft is found from a copy of its form that is older or newer", () => {
  const { key, ...report } = {
    key: "service_report:v2",
    kind: "service_report.submit",
    agg: undefined,
    url: "/jobs/1/report",
  };
  const first = draft("service_report:v1", report.kind, report.url);
  assert.equal(findDraftOfCopy({ key, ...report }, [first])?.key, "service_report:v1");
  // Its own draft comes first, and another job's or a form of another kind is none of it.
  assert.equal(findDraftOfCopy({ key, ...report }, [first, draft(key, report.kind, report.url)]), undefined);
  assert.equal(
    findDraftOfCopy({ key, ...report }, [draft("service_report:v1", report.kind, "/jobs/2/report")]),
    undefined,
  );
  assert.equal(
    findDraftOfCopy({ key, ...report }, [draft("expense_item:new", "expense_item.capture", report.url)]),
    undefined,
  );
  assert.equal(findDraftOfCopy({ key, ...report }, [{ ...first, state: "submitted" }]), undefined);
  // A refused record that waits for its author in the outbox keeps its place there.
  assert.equal(findDraftOfCopy({ key, ...report }, [{ ...first, key: "op:9", supersedes: "9" }]), undefined);
});

test("71 a correction is found under another version, whatever page it was typed on", () => {
  const kind = "parts_request.resubmit";
  const form = { key: `${kind}:p1:3`, kind, agg: "parts_request:p1", url: "/parts/p1/correct" };
  assert.equal(findDraftOfCopy(form, [draft(`${kind}:p1:2`, kind, form.url)])?.key, `${kind}:p1:2`);
  assert.equal(findDraftOfCopy(form, [draft(`${kind}:p1:2`, kind, "/elsewhere")])?.key, `${kind}:p1:2`);
  assert.equal(findDraftOfCopy(form, [draft(`${kind}:p2:2`, kind, form.url)]), undefined);
});

test("71 a begun report becomes the next version of the sent one only where its author chose it", () => {
  const kind = "service_report.resubmit";
  const form = { key: `${kind}:r1:1`, kind, agg: "service_report:r1", url: "/jobs/1/report" };
  const begun = draft("service_report:v1", "service_report.submit", form.url);
  assert.equal(findDraftOfCopy(form, [begun]), undefined);
  assert.equal(findDraftOfCopy(form, [begun], begun.key)?.key, begun.key);
  assert.equal(findDraftOfCopy({ ...form, url: "/jobs/2/report" }, [begun], begun.key), undefined);
});

test("expenses of a claim that waits are open no more, and the claim says what it comes to", () => {
  const list = fact(100, [
    { id: "i1", title: "Train", about: "", amount: "1,011.00" },
    { id: "i2", title: "Taxi", about: "", amount: "12.50" },
  ]);
  const captured = op("c3", "expense_item.capture", "expense_item:i3", { amount: "7.25" });
  const claim = op("o1", "expense_claim.submit", "expense_claim:k1", { items: ["i1", "i3"] });
  const claimed = summarizeClaims(list, [claim, captured], 0);
  assert.deepEqual([...claimed.taken], ["i1", "i3"]);
  assert.equal(claimed.total, "12.50");
  assert.equal(claimed.sums.get("o1"), "1,018.25");
  // What is not known here is not guessed; what came back is open again.
  assert.equal(summarizeClaims(list, [claim], 0).sums.size, 0);
  assert.equal(summarizeClaims(list, [{ ...claim, state: "rejected" }, captured], 0).taken.size, 0);
});
