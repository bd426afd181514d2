import assert from "node:assert/strict";
import { test } from "node:test";
import { dayFrom } from "../../static/src/page/validate.ts";

test("limits in days count from the day of writing, also over the end of a year", () => {
  assert.equal(dayFrom(0, new Date(2026, 11, 31, 23, 59)), "2026-12-31");
  assert.equal(dayFrom(1, new Date(2026, 11, 31, 23, 59)), "2027-01-01");
  assert.equal(dayFrom(-90, new Date(2026, 0, 1)), "2025-10-03");
});
