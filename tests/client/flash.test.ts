import assert from "node:assert/strict";
import { mock, test } from "node:test";

class FakeElement {
  hidden = true;
  textContent = "";
  append(): void {}
  closest(): FakeElement {
    return box;
  }
  querySelector(): null {
    return null;
  }
}
const box = new FakeElement();
const line = new FakeElement();
const page = { querySelector: (selector: string) => (selector === "#toast" ? line : box) };
Object.assign(globalThis, { document: page, HTMLElement: FakeElement });
const { toast } = await import("../../static/src/page/flash.ts");

test("a line with a button stays as long as the button's record can be taken back", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  toast("Approved", null, new FakeElement() as unknown as HTMLElement, 12_000);
  mock.timers.tick(11_999);
  assert.equal(box.hidden, false);
  mock.timers.tick(1);
  assert.equal(box.hidden, true);
});
