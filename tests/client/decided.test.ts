import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine, Op } from "../../static/src/engine/types.ts";
import { expense, Phone } from "./harness.ts";

/** A page without anything on it; only what is counted here is real. */
const page = Object.assign(new EventTarget(), {
  documentElement: { dataset: {}, lang: "en" },
  visibilityState: "visible",
  // The buttons are there already.
  querySelector: (selector: string) => (selector.startsWith("[data-undo-op=") ? {} : null),
  querySelectorAll: () => [],
  createElement: () =>
    Object.assign(new EventTarget(), { dataset: {}, append: () => {}, setAttribute: () => {}, textContent: "" }),
});
Object.assign(globalThis, {
  document: page,
  location: { hash: "", href: "" },
  CSS: { escape: String },
  addEventListener() {},
  Element: class {},
});

const running = new Set<object>();
let beat = () => {};
globalThis.setInterval = ((work: () => void) => {
  beat = work;
  const timer = {};
  running.add(timer);
  return timer;
}) as typeof setInterval;
globalThis.clearInterval = ((timer: object) => void running.delete(timer)) as typeof clearInterval;

const { lastDecided, updateDecisions } = await import("../../static/src/page/undo-buttons.ts");

function record(op: string, over: Partial<Op> = {}): Op {
  return { op, agg: ["visit", op], kind: "visit.cancel", state: "saved", title: op, ...over } as Op;
}

function engineThatHolds(ids: Set<string>): Engine {
  return { mayUndo: (op: Op) => ids.has(op.op) } as unknown as Engine;
}

test("the clock of the undo buttons stops once nothing can be taken back any more", () => {
  const held = new Set(["a"]);
  const engine = engineThatHolds(held);
  updateDecisions(engine, [record("a", { holdUntil: Date.now() + 8000 }), record("b", { holdUntil: 0 })], 0);
  assert.equal(running.size, 1);
  beat();
  assert.equal(running.size, 1);
  held.clear();
  beat();
  assert.equal(running.size, 0);
});

test("the button at the bottom of the screen is for what was decided last", () => {
  const [first, last] = [record("a", { holdUntil: 1000 }), record("b", { holdUntil: 2000 })];
  assert.equal(lastDecided([first, last])?.op, "b");
  assert.equal(lastDecided([last, first])?.op, "b");
  assert.equal(lastDecided([]), undefined);
});

test("records that were never held start no clock that stays", () => {
  updateDecisions(engineThatHolds(new Set()), [record("a", { holdUntil: 0 }), record("b", { state: "accepted" })], 0);
  assert.equal(running.size, 0);
});

test("only a record that can be taken back says until when", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await tab.engine.capture(expense({ hold: 8000 }));
  const until = (await tab.engine.list()).map((op) => op.holdUntil);
  assert.deepEqual(until, [phone.now + 8000, undefined]);
});
