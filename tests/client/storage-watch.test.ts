import assert from "node:assert/strict";
import { test } from "node:test";
import { watchStorage } from "../../static/src/page/storage-watch.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

function watched() {
  const waits: (() => void)[] = [];
  let said = 0;
  const watch = watchStorage(
    () => new Promise<void>((over) => waits.push(over)),
    () => said++,
  );
  /** The time of everything that was begun so far is over. */
  const pass = async () => {
    for (const over of waits.splice(0)) over();
    await turn();
    return said;
  };
  return { watch, pass };
}

test("73 storage that takes too long to open is named once", async () => {
  const { pass } = watched();
  assert.equal(await pass(), 1);
  assert.equal(await pass(), 1);
});

test("73 storage that opened in time is not named", async () => {
  const { watch, pass } = watched();
  watch.end();
  assert.equal(await pass(), 0);
});

test("73 a server that takes its time is not blamed on the storage", async () => {
  const { watch, pass } = watched();
  let answer: (value: boolean) => void = () => undefined;
  const asked = watch.pauseWhile(
    new Promise<boolean>((yes) => {
      answer = yes;
    }),
  );
  assert.equal(await pass(), 0);
  answer(true);
  assert.equal(await asked, true);
  await turn();
  // From here on it is the storage's time.
  assert.equal(await pass(), 1);
});

test("73 no answer at all is passed on, and the storage is watched again", async () => {
  const { watch, pass } = watched();
  await assert.rejects(watch.pauseWhile(Promise.reject(new Error("no network"))), /no network/);
  assert.equal(await pass(), 1);
});
