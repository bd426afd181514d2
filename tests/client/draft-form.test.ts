import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Engine } from "../../static/src/engine/types.ts";
import { Phone } from "./harness.ts";

class FakeElement extends EventTarget {
  dataset: { [name: string]: string } = {};
  hidden = true;
  textContent = "";
  lang = "en";
  querySelector(): FakeElement | null {
    return null;
  }
  querySelectorAll(): FakeElement[] {
    return [];
  }
  matches(): boolean {
    return false;
  }
  closest(): null {
    return null;
  }
}

/** A text field. */
class FakeInput extends FakeElement {
  type = "text";
  defaultValue = "";
  value = "";
  constructor(readonly name: string) {
    super();
  }
}

class FakeForm extends FakeElement {
  isConnected = true;
  readonly amount = new FakeInput("amount");
  readonly note = new FakeInput("note");
  readonly elements = [this.amount, this.note];
  removeAttribute(): void {}
  reset(): void {
    this.amount.value = this.note.value = "";
  }
  override dataset = { op: "expense_item.capture", draft: "expense_item.capture:new" };
}

const banner = new FakeElement();
const page = Object.assign(new FakeElement(), {
  documentElement: new FakeElement(),
  querySelector: (selector: string) => (selector === "#banner" ? banner : null),
});
/** As localStorage: what is kept are its own properties. */
const storage = Object.create({
  setItem: (name: string, value: string) => void Object.assign(storage, { [name]: value }),
  getItem: (name: string) => storage[name] ?? null,
  removeItem: (name: string) => void delete storage[name],
});
Object.assign(globalThis, {
  document: page,
  location: { hash: "", pathname: "/expenses/new", search: "" },
  CSS: { escape: String },
  addEventListener() {},
  Element: FakeElement,
  HTMLElement: FakeElement,
  HTMLInputElement: FakeInput,
  HTMLSelectElement: class {},
  HTMLTextAreaElement: class {},
  localStorage: storage,
});
Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
mock.timers.enable({ apis: ["setTimeout"] });
const { attachDraft, reloadAll, saveAllNow } = await import("../../static/src/page/draft.ts");
const { restoreEmergencyDrafts } = await import("../../static/src/page/emergency-draft.ts");
const { session } = await import("../../static/src/page/session.ts");

const TYPED = { key: "expense_item.capture:new", kind: "expense_item.capture", title: "t", url: "/expenses/new" };

/** A phone with a draft of this form. */
async function drafted(): Promise<Engine> {
  const phone = new Phone();
  phone.offline = true;
  const { engine } = await phone.open();
  await engine.drafts.save({ ...TYPED, fields: { amount: "73.04", note: "" }, supersedes: null, problems: null });
  return engine;
}

/** The same engine for a form, with its drafts read through `load`. */
function readBy(engine: Engine, load: Engine["drafts"]["load"]): Engine {
  return { ...engine, drafts: { ...engine.drafts, load } };
}

const fieldsIn = async (engine: Engine) => (await engine.drafts.load(TYPED.key))?.fields;
/** Lets the stores work. */
const rest = async () => {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A form whose draft is still being read while somebody types a note into it. */
async function typedWhileRead() {
  const engine = await drafted();
  let read = () => {};
  const slow = new Promise<void>((resolve) => {
    read = resolve;
  });
  const form = new FakeForm();
  const attached = attachDraft(
    form as unknown as HTMLFormElement,
    readBy(engine, (key) => slow.then(() => engine.drafts.load(key))),
  );
  await rest();
  form.note.value = "typed";
  form.dispatchEvent(new Event("input"));
  return { engine, form, attached, read };
}

test("71 what is typed before the draft was read is not saved over it, and both are kept then", async () => {
  const { engine, form, attached, read } = await typedWhileRead();
  mock.timers.tick(1000);
  await rest();
  assert.deepEqual(await fieldsIn(engine), { amount: "73.04", note: "" });
  read();
  const state = await attached;
  await state.queue;
  assert.deepEqual([form.amount.value, form.note.value], ["73.04", "typed"]);
  assert.deepEqual(await fieldsIn(engine), { amount: "73.04", note: "typed" });
  form.isConnected = false;
});

test("71 a page that is left before its draft was read leaves what was typed beside the draft, not in its place", async () => {
  const { engine, form, attached, read } = await typedWhileRead();
  saveAllNow(true);
  // The next page.
  await restoreEmergencyDrafts(engine);
  assert.deepEqual(await fieldsIn(engine), { amount: "73.04", note: "typed" });
  read();
  await attached;
  form.isConnected = false;
});

test("71 what is typed early is left beside what an earlier page left and no draft could take up yet", async () => {
  const { engine, form, attached, read } = await typedWhileRead();
  const earlier = { ...TYPED, fields: { amount: "88.00", note: "earlier" }, supersedes: null, problems: null };
  const at = `fieldapp-typed-${engine.userId}-${TYPED.key}`;
  const words = { draft: earlier, stored: true, gen: engine.drafts.generation(TYPED.key), at: Date.now() };
  localStorage.setItem(at, JSON.stringify(words));
  saveAllNow(true);
  await restoreEmergencyDrafts(engine);
  assert.deepEqual(await fieldsIn(engine), { amount: "88.00", note: "typed" });
  read();
  await attached;
  form.isConnected = false;
});

test("71 a draft that cannot be read is told, and what is typed into the empty form is not saved over it", async () => {
  const engine = await drafted();
  const form = new FakeForm();
  const unreadable = readBy(engine, () => Promise.reject(new Error("disk")));
  const state = await attachDraft(form as unknown as HTMLFormElement, unreadable);
  assert.equal(form.amount.value, "");
  assert.equal(session.broken, true);
  assert.equal(banner.hidden, false);
  form.amount.value = "1.00";
  form.dispatchEvent(new Event("input"));
  mock.timers.tick(1000);
  // The page is hidden, and then left.
  saveAllNow();
  saveAllNow(true);
  await state.queue;
  assert.deepEqual(await fieldsIn(engine), { amount: "73.04", note: "" });
  assert.deepEqual(Object.keys(storage), []);
  form.isConnected = false;
  saveAllNow();
});

test("71 what was typed while the draft could not be read stays when the page comes back, and is saved", async () => {
  const phone = new Phone();
  phone.offline = true;
  const { engine } = await phone.open();
  let loads = 0;
  const form = new FakeForm();
  const once = readBy(engine, (key) => (loads++ === 0 ? Promise.reject(new Error("disk")) : engine.drafts.load(key)));
  const state = await attachDraft(form as unknown as HTMLFormElement, once);
  form.note.value = "typed";
  form.dispatchEvent(new Event("input"));
  await reloadAll();
  assert.equal(form.note.value, "typed");
  mock.timers.tick(1000);
  await rest();
  await state.queue;
  assert.equal((await fieldsIn(engine))?.note, "typed");
  form.isConnected = false;
});
