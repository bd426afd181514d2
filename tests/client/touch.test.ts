import assert from "node:assert/strict";
import { test } from "node:test";

const page = new EventTarget();
Object.assign(globalThis, { document: page });
const { isTouched, untilUntouched } = await import("../../static/src/page/touch.ts");

test("who types is using the page, as who touches it: one place knows", async () => {
  assert.equal(isTouched(), false);
  page.dispatchEvent(new Event("input"));
  assert.equal(isTouched(), true);
  assert.equal(isTouched(4000), true);
  await untilUntouched(1);
  assert.equal(isTouched(1), false);
});
