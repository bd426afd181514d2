import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { toData } from "../../static/src/page/form-data.ts";

interface Case {
  name: string;
  pairs: [string, string][];
  data: unknown;
}

const cases = JSON.parse(readFileSync(new URL("../fixtures/form-data.json", import.meta.url), "utf8")) as Case[];

for (const { name, pairs, data } of cases) test(name, () => assert.deepEqual(toData(pairs), data));

const part = fc.constantFrom("a", "b", "0", "1", "12", "_x", "", "__proto__", "constructor");
const name = fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.boolean()).map(([parts, many]) => {
  return parts.join(".") + (many ? "[]" : "");
});

test("any form becomes plain JSON and touches no prototype", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const data = toData(pairs);
      assert.deepEqual(JSON.parse(JSON.stringify(data)), data);
      assert.equal(({} as { a?: unknown }).a, undefined);
    }),
  );
});

test("a second pass over flat data changes nothing", () => {
  const flat = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.stringMatching(/^[^\r]+$/), {
    noNullPrototype: true,
  });
  fc.assert(fc.property(flat, (data) => assert.deepEqual(toData(Object.entries(data)), data)));
});
