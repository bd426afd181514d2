import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { holds } from "../../static/src/page/show-when.ts";

interface Case {
  name: string;
  rule: string;
  values: { [field: string]: string[] };
  shown: boolean;
}

const cases = JSON.parse(readFileSync(new URL("../fixtures/show-when.json", import.meta.url), "utf8")) as Case[];

for (const { name, rule, values, shown } of cases) {
  test(name, () =>
    assert.equal(
      holds(rule, (field) => values[field] ?? []),
      shown,
    ),
  );
}
