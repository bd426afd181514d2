import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op, OpState } from "../../static/src/engine/types.ts";
import { ownerOf } from "../../static/src/page/active.ts";
import { chipFor } from "../../static/src/page/chip.ts";
import {
  actionsFor,
  changedIds,
  groupOf,
  obstacle,
  reasonOf,
  reopenUrl,
  stateOf,
} from "../../static/src/page/outbox-rules.ts";
import { concerns, hasDecided, inState, isReflected, overlays, parseRendered } from "../../static/src/page/pending.ts";
import { compactRows, keptRows } from "../../static/src/page/repeat.ts";
import { classifyStorage, isAppleTab } from "../../static/src/page/storage-status.ts";
import { decode, encode } from "../../static/src/page/strokes.ts";
import { fill } from "../../static/src/page/texts.ts";

const nothing = { unsent: 0, attention: 0, photos: 0, oldest: null, photoAt: null };

test("the chip says the most urgent thing", () => {
  assert.deepEqual(chipFor(nothing, "online"), { key: "chip.synced", n: 0, look: "" });
  assert.equal(chipFor({ ...nothing, photos: 2 }, "online").key, "chip.photos");
  assert.equal(chipFor({ ...nothing, unsent: 3, photos: 2 }, "online").key, "chip.pending");
  assert.equal(chipFor({ ...nothing, unsent: 3 }, "offline").key, "chip.offline_pending");
  assert.equal(chipFor({ ...nothing, unsent: 3, attention: 1 }, "offline").key, "chip.attention");
  assert.equal(chipFor({ ...nothing, attention: 1 }, "sign_in").key, "chip.sign_in");
  assert.equal(chipFor(nothing, "foreign").key, "chip.foreign");
  assert.equal(chipFor(nothing, "offline").key, "chip.offline");
  const old = { ...nothing, unsent: 1, oldest: 0 };
  assert.equal(chipFor(old, "offline", 86_400_000).key, "chip.offline_pending");
  assert.deepEqual(chipFor(old, "online", 86_400_001), { key: "chip.old", n: 1, look: "bad" });
});

test("kept rows lose their gaps, so that the server's problems meet the right row", () => {
  const fields = { note: "x", "lines.0.qty": "", "lines.2.qty": "2", "lines.5.qty": "5", "lines.5.tags[]": ["a"] };
  assert.deepEqual(keptRows("lines", fields), [2, 5]);
  assert.deepEqual(compactRows("lines", fields), {
    note: "x",
    "lines.0.qty": "2",
    "lines.1.qty": "5",
    "lines.1.tags[]": ["a"],
  });
});

test("a page that was made after the receipt shows the record itself", () => {
  const rendered = parseRendered("2026-11-22T09:14:03.500Z");
  const received = (ms: number) => ({ state: "accepted" as const, receivedAt: rendered + ms });
  assert.equal(isReflected(received(-1), rendered, 0), true);
  assert.equal(isReflected(received(1), rendered, 0), false);
  // A phone that runs an hour fast is put right by what hello said.
  assert.equal(isReflected(received(3_600_000 - 1), rendered, -3_600_000), true);
  assert.equal(isReflected({ state: "held", receivedAt: 1 }, rendered, 0), false);
});

test("a corrected record gives way to its successor", () => {
  const op = (id: string, supersedes: string | null) => ({ op: id, supersedes }) as Op;
  const shown = overlays([op("c", "a"), op("b", null), op("a", null)]).map((one) => one.op);
  assert.deepEqual(shown, ["b", "c"]);
});

test("a record on its way offers nothing that could lose it", () => {
  assert.deepEqual(actionsFor("sending"), []);
  assert.deepEqual(actionsFor("accepted"), []);
  assert.deepEqual(actionsFor("held"), []);
  assert.deepEqual(actionsFor("saved"), ["discard"]);
  assert.deepEqual(actionsFor("rejected"), ["correct", "discard"]);
  const at = (state: OpState, receivedAt: number | null = null) => ({ state, receivedAt });
  assert.equal(groupOf(at("parked")), "unsent");
  assert.equal(groupOf(at("conflict")), "attention");
  assert.equal(groupOf(at("accepted", 99), 100), "earlier");
  assert.equal(groupOf(at("accepted", 100), 100), "delivered");
});

test("a draft with a key of its own is named in the address", () => {
  assert.equal(reopenUrl({ url: "/jobs/1?x=2#old", key: "op:9" }), "/jobs/1?x=2#draft=op%3A9");
  assert.equal(reopenUrl({ url: "/expenses/new", key: "expense_item:new" }), "/expenses/new#draft=expense_item%3Anew");
});

test("only pages may be thrown away, never the outbox", () => {
  assert.equal(ownerOf("pack-17-ab12"), 17);
  assert.equal(ownerOf("visited-17"), 17);
  assert.equal(ownerOf("files-3"), 3);
  for (const name of ["outbox-17", "fieldapp-state", "precache", "assets-previous", "visited-17x"]) {
    assert.equal(ownerOf(name), null);
  }
});

test("strokes survive the box and stay small", () => {
  assert.equal(encode([]), "");
  assert.deepEqual(decode(encode([[10, 10, 200, 100, 600, 200]])), [[10, 10, 200, 100, 600, 200]]);
  const scribble = Array.from({ length: 20_000 }, (_, i) => Math.round((i * 7919) % (i % 2 ? 200 : 600)));
  const json = encode([scribble]);
  assert.ok(json.length > 0 && json.length < 20_000);
  assert.deepEqual(decode("<html>"), []);
  assert.deepEqual(decode('[[1,"x"],[1,2]]'), [[1, 2]]);
});

test("unknown placeholders stay readable", () => {
  assert.equal(fill("{n} of {total} · {what}", { n: 1, total: 2 }), "1 of 2 · {what}");
});

test("a piece for new records names the record it is for", () => {
  const op = { body: JSON.stringify({ data: { visit_id: "v1" } }) };
  assert.equal(concerns(op, undefined), true);
  assert.equal(concerns(op, "visit_id=v1"), true);
  assert.equal(concerns(op, "visit_id=v2"), false);
  assert.equal(concerns({ body: "torn" }, "visit_id=v1"), false);
});

test("a record's state counts its photos, and the sign-in that all waits for", () => {
  const photos = (...states: ("stored" | "refused" | "lost_on_device" | "local")[]) =>
    states.map((state) => ({ state }));
  const accepted = { state: "accepted" as const };
  assert.equal(stateOf(accepted, [], "online").key, "state.accepted");
  assert.equal(stateOf(accepted, photos("stored", "stored"), "online").key, "state.accepted");
  assert.equal(stateOf(accepted, photos("stored", "refused"), "online").key, "state.accepted_photos");
  const some = stateOf(accepted, photos("stored", "local", "lost_on_device"), "online");
  assert.deepEqual(some, { key: "state.accepted_photos", vars: { n: 1, total: 3 } });
  assert.equal(stateOf({ state: "saved" }, photos("local"), "sign_in").key, "state.sign_in");
  assert.equal(stateOf({ state: "parked" }, [], "wrong_user").key, "state.sign_in");
  assert.equal(stateOf({ state: "rejected" }, [], "sign_in").key, "state.rejected");
  assert.equal(stateOf({ state: "saved", lastError: "session.needed" }, [], "online").key, "state.sign_in");
});

test("why a record waits is said by the reference of what it waits for", () => {
  const op = { state: "saved" as OpState, depends: [], attempts: 0, nextAt: 0, lastError: null, result: null };
  const known = new Map([["a", { ref: "K7-0001", state: "rejected" as const }]]);
  assert.equal(reasonOf(op, known, 0, "online"), null);
  assert.deepEqual(reasonOf({ ...op, depends: ["a"] }, known, 0, "online"), {
    key: "outbox.waits_corrected",
    vars: { ref: "K7-0001" },
  });
  assert.equal(reasonOf({ ...op, depends: ["gone"] }, known, 0, "online"), null);
  assert.equal(reasonOf({ ...op, attempts: 4 }, known, 0, "offline")?.key, "outbox.no_signal");
  assert.equal(reasonOf({ ...op, attempts: 4 }, known, 0, "online"), null);
  assert.equal(
    reasonOf({ ...op, lastError: "unsupported_schema", nextAt: 9 }, known, 0, "online")?.key,
    "outbox.waits_update",
  );
  assert.equal(reasonOf({ ...op, lastError: "busy", nextAt: 9 }, known, 0, "online")?.key, "outbox.server_trouble");
  assert.equal(reasonOf({ ...op, lastError: "session.needed", nextAt: 9 }, known, 0, "sign_in"), null);
  assert.equal(reasonOf({ ...op, state: "parked" }, known, 0, "online")?.key, "outbox.parked");
  const result = { needs: ["a", "elsewhere"] } as unknown as Op["result"];
  assert.deepEqual(reasonOf({ ...op, state: "held", result }, known, 0, "online"), {
    key: "outbox.waits_for",
    vars: { ref: "K7-0001" },
  });
});

test("32 what stops everything is said on top, and a day without sending is one of it", () => {
  assert.equal(obstacle("sign_in", 0, 10 * 86_400_000), "sign_in");
  assert.equal(obstacle("foreign", null, 0), "foreign");
  assert.equal(obstacle("offline", 0, 86_400_000), null);
  assert.equal(obstacle("offline", 0, 86_400_001), "old");
});

test("only what changed while somebody listened is news", () => {
  const before = new Map([
    ["a", "Saved"],
    ["b", "Sending"],
  ]);
  const after = new Map([
    ["a", "Saved"],
    ["b", "Received"],
    ["c", "Saved"],
  ]);
  assert.deepEqual(changedIds(before, after), ["b"]);
  assert.deepEqual(changedIds(before, before), []);
});

test("32 only an iPhone or iPad in a browser tab is asked to go to the home screen", () => {
  const iphone = { userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", maxTouchPoints: 5 };
  const ipad = { userAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", maxTouchPoints: 5 };
  assert.equal(isAppleTab(iphone), true);
  assert.equal(isAppleTab(ipad), true);
  assert.equal(isAppleTab({ ...iphone, standalone: true }), false);
  assert.equal(isAppleTab({ ...ipad, maxTouchPoints: 0 }), false);
  assert.equal(isAppleTab({ userAgent: "Mozilla/5.0 (Linux; Android 15)", maxTouchPoints: 5 }), false);
});

test("27 32 the browser's answer and the room are judged for what they mean", () => {
  assert.deepEqual(classifyStorage({ usage: 10, quota: 100 }, true), { key: "kept", used: 10, free: 90 });
  assert.equal(classifyStorage({ usage: 10, quota: 100 }, false).key, "may_clear");
  assert.equal(classifyStorage({ usage: 80, quota: 100 }, true).key, "full");
  assert.deepEqual(classifyStorage({}, false), { key: "may_clear", used: 0, free: 0 });
});

test("a decision that the page's number does not know is noticed, also once it is held no more", () => {
  const decision = { kind: "claim.approve", state: "saved", receivedAt: null, holdUntil: 0 } as Op;
  const kinds = "claim.approve claim.return";
  assert.equal(hasDecided([decision], kinds, 1000, 0), true);
  assert.equal(hasDecided([{ ...decision, state: "accepted", receivedAt: 1500 }], kinds, 1000, 0), true);
  assert.equal(hasDecided([{ ...decision, state: "accepted", receivedAt: 500 }], kinds, 1000, 0), false);
  assert.equal(hasDecided([{ ...decision, kind: "expense_item.capture" }], kinds, 1000, 0), false);
  assert.equal(hasDecided([{ ...decision, kind: "visit.cancel", holdUntil: 5 }], "", 1000, 0), true);
});

test("a decision that met another version gives the card free again", () => {
  const covers = "saved sending held accepted parked";
  const shown = (state: OpState, states?: string) => inState({ state }, states);
  assert.deepEqual(
    [shown("saved", covers), shown("conflict", covers), shown("rejected", covers)],
    [true, false, false],
  );
  assert.deepEqual([shown("saved", "rejected conflict"), shown("conflict", "rejected conflict")], [false, true]);
  assert.equal(shown("conflict"), true);
});
