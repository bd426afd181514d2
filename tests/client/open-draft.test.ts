import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Draft } from "../../static/src/engine/types.ts";

/** A page without forms; only where it goes counts. */
const page = Object.assign(new EventTarget(), {
  documentElement: { dataset: {}, lang: "en" },
  querySelector: () => null,
  querySelectorAll: () => [],
});
let gone: string[] = [];
const place = {
  hash: "",
  pathname: "/expenses/claims/new",
  search: "",
  assign: (url: string) => gone.push(url),
  reload: () => gone.push("reload"),
};
Object.assign(globalThis, {
  document: page,
  location: place,
  CSS: { escape: String },
  Element: class {},
  addEventListener() {},
});
const { openDraft } = await import("../../static/src/page/refusal.ts");

const draft = { key: "op:1", kind: "expense_claim.submit", url: "/expenses/claims/new" } as Draft;

beforeEach(() => {
  gone = [];
});

test("52 the form of a refused record is opened on its page under its draft's name", async () => {
  place.pathname = "/outbox";
  await openDraft(draft, "");
  assert.deepEqual(gone, ["/expenses/claims/new#draft=op%3A1"]);
});

test("52 on its own page, whose form is another one by now, the page is loaded anew: another hash alone loads nothing", async () => {
  place.pathname = "/expenses/claims/new";
  await openDraft(draft, "");
  assert.deepEqual(gone, ["/expenses/claims/new#draft=op%3A1", "reload"]);
});
