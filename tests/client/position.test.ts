import assert from "node:assert/strict";
import { mock, test } from "node:test";

/** A phone that asks its owner whether the app may know the position, and gets no answer. */
function unanswered(permissions: unknown): void {
  const geolocation = { getCurrentPosition: () => undefined };
  Object.defineProperty(globalThis, "navigator", { value: { permissions, geolocation }, configurable: true });
}

/** No answer at all to either question: whether it is allowed, and where the phone is. */
const never = { query: () => new Promise(() => undefined) };
const asks = { query: async () => ({ state: "prompt" }) };
const granted = { query: async () => ({ state: "granted" }) };

/** Patience of a person who has tapped: after this a tap without an answer counts as broken. */
const PATIENCE = 6000;

mock.timers.enable({ apis: ["setTimeout"] });
const { positionData } = await import("../../static/src/page/position.ts");

for (const [name, permissions] of Object.entries({ never, asks, granted })) {
  test(`a tap goes on without a position that nobody gives (permission: ${name})`, async () => {
    unanswered(permissions);
    let found: unknown = null;
    void positionData().then((data) => {
      found = data;
    });
    for (let passed = 0; passed < PATIENCE && found === null; passed += 500) {
      mock.timers.tick(500);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(found, { no_position: "timeout" });
  });
}
