import assert from "node:assert/strict";
import { test } from "node:test";
import { limitsOf, type Problem, problemOf } from "../../static/src/page/validate.ts";

const fine: { [key in Problem]: boolean } = {
  badInput: false,
  valueMissing: false,
  typeMismatch: false,
  patternMismatch: false,
  tooLong: false,
  tooShort: false,
  rangeUnderflow: false,
  rangeOverflow: false,
  stepMismatch: false,
  customError: false,
};

test("a good field has no problem", () => assert.equal(problemOf(fine), null));

for (const key of Object.keys(fine) as Problem[]) {
  test(`${key} is named`, () => assert.equal(problemOf({ ...fine, [key]: true }), key));
}

test("what was typed wrong is said before what is missing", () => {
  // A number field with letters in it is both.
  assert.equal(problemOf({ ...fine, valueMissing: true, badInput: true }), "badInput");
});

test("messages may quote the limits of the field", () => {
  const attributes = new Map([
    ["min", "0.01"],
    ["title", "AB-123"],
  ]);
  const limits = limitsOf((name) => attributes.get(name) ?? null);
  assert.deepEqual(limits, { min: "0.01", max: "", maxlength: "", minlength: "", step: "", title: "AB-123" });
});
