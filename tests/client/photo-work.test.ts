import assert from "node:assert/strict";
import { mock, test } from "node:test";

let workers = 0;
let ended = 0;

/** A worker that never answers. */
class SilentWorker {
  constructor() {
    workers++;
  }
  postMessage(): void {}
  terminate(): void {
    ended++;
  }
}

let pictures = 0;
Object.assign(globalThis, {
  ...{ document: new EventTarget(), location: { hash: "" }, addEventListener() {}, __PHOTO_WORKER__: "w.js" },
  ...{ Worker: SilentWorker, OffscreenCanvas: class {}, Element: class {}, CSS: { escape: String } },
  createImageBitmap: () => {
    pictures++;
    return new Promise(() => {});
  },
});
Object.assign(document, {
  documentElement: { dataset: {} },
  querySelector: () => null,
  querySelectorAll: () => [],
});
mock.timers.enable({ apis: ["setTimeout"] });
const { PHOTO_TIMEOUT_MS, shrink } = await import("../../static/src/page/photos.ts");

test("a picture whose work hangs, in the worker and on the page, is given up", async () => {
  let given = false;
  const work = shrink(new Blob(["x"])).catch(() => {
    given = true;
  });
  const rest = () => new Promise((resolve) => setImmediate(resolve));
  await rest();
  assert.deepEqual([workers, pictures], [1, 0]);
  mock.timers.tick(PHOTO_TIMEOUT_MS);
  await rest();
  assert.deepEqual([ended, pictures, given], [1, 1, false]);
  mock.timers.tick(PHOTO_TIMEOUT_MS);
  await rest();
  assert.equal(given, true);
  await work;
});
