/** The form of a report that was already sent from this phone: opened again to add to it (ADR 28). */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Engine, Op, RunningEngine } from "../../static/src/engine/types.ts";
import { Phone } from "./harness.ts";

const VISIT = "visit-1";
const VISIT_INPUT = "input[name=visit_id]";
const SENT_TEMPLATE = 'template[data-told="sent"]';
const ADD_BUTTON = "[data-more]";

class FakeElement extends EventTarget {
  dataset: { [name: string]: string } = {};
  hidden = false;
  textContent = "";
  className = "";
  lang = "en";
  isConnected = true;
  /** What `querySelector` returns, by selector. */
  readonly parts = new Map<string, FakeElement>();
  content: FakeElement | undefined;
  querySelector(selector: string): FakeElement | null {
    return this.parts.get(selector) ?? null;
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
  getElementById(): null {
    return null;
  }
  append(child: FakeElement): void {
    for (const [selector, part] of child.parts) this.parts.set(selector, part);
  }
  before(): void {}
  remove(): void {
    this.isConnected = false;
  }
}

class FakeInput extends FakeElement {
  type = "text";
  value = "";
  defaultValue = "";
  disabled = false;
  constructor(readonly name: string) {
    super();
  }
}

class FakeForm extends FakeElement {
  readonly visit = new FakeInput("visit_id");
  readonly fault = new FakeInput("fault");
  readonly elements = [this.visit, this.fault];
  constructor() {
    super();
    this.visit.type = "hidden";
    this.visit.value = VISIT;
    this.parts.set(VISIT_INPUT, this.visit);
    this.dataset = { op: "service_report.submit", draft: `service_report:${VISIT}`, knows: "job:1 due:1" };
  }
}

const template = new FakeElement();
template.content = new FakeElement();
/** The button of the sentence that was shown last. */
let addButton = new FakeElement();
function copyOfTemplate(): FakeElement {
  addButton = new FakeElement();
  addButton.dataset = { op: "service_report.resubmit", schema: "1", title: "t" };
  const copy = new FakeElement();
  copy.parts.set(ADD_BUTTON, addButton);
  return copy;
}
const page = Object.assign(new FakeElement(), {
  documentElement: new FakeElement(),
  createElement: () => new FakeElement(),
  importNode: copyOfTemplate,
  /** The forms of the page. */
  forms: [] as FakeForm[],
  querySelectorAll: (selector: string) => (selector === "form[data-knows]" ? page.forms : []),
});
page.parts.set(SENT_TEMPLATE, template);
const phone = new Phone();
phone.offline = true;
/** Resolves once Cache Storage may be opened. */
let cachesOpen = Promise.resolve();
const cacheStorage = phone.caches.view(() => true);
Object.assign(globalThis, {
  document: page,
  location: { hash: "", pathname: "/jobs/1/report", search: "" },
  CSS: { escape: String },
  addEventListener() {},
  Element: FakeElement,
  HTMLElement: FakeElement,
  HTMLInputElement: FakeInput,
  HTMLSelectElement: class {},
  HTMLTextAreaElement: class {},
  localStorage: {},
  caches: { open: (name: string) => cachesOpen.then(() => cacheStorage.open(name)) },
});
Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
mock.timers.enable({ apis: ["setTimeout"] });
const { attachDraft } = await import("../../static/src/page/draft.ts");
const { bringUpToDate, watchFacts } = await import("../../static/src/page/stale-forms.ts");

/** The report of the visit, saved on this phone and not yet received. */
const report = {
  op: "op-1",
  kind: "service_report.submit",
  agg: ["service_report", "report-1"],
  body: JSON.stringify({ data: { visit_id: VISIT } }),
  state: "saved",
  fields: { visit_id: VISIT, fault: "as sent" },
} as unknown as Op;

/** Lets the stores work. */
const rest = async () => {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** An engine that lists the sent report. */
async function engineWithReport(): Promise<RunningEngine> {
  const { engine } = await phone.open();
  return { ...engine, list: async () => [report] };
}

/** The form on the page, hidden behind the sentence that its report was sent. */
async function hiddenForm(engine: Engine) {
  const fake = new FakeForm();
  page.forms = [fake];
  const form = fake as unknown as HTMLFormElement;
  await bringUpToDate(form, engine);
  assert.equal(fake.hidden, true);
  return { fake, form };
}

test("71 a tap on adding to a sent report opens its form once the form has its draft", async () => {
  const engine = await engineWithReport();
  const { fake, form } = await hiddenForm(engine);
  addButton.dispatchEvent(new Event("click"));
  await rest();
  assert.equal(fake.hidden, true);
  await attachDraft(form, engine);
  mock.timers.tick(50);
  await rest();
  assert.equal(fake.hidden, false);
  assert.equal(fake.dataset.op, "service_report.resubmit");
  assert.equal(fake.fault.value, "as sent");
});

test("71 a form that is opened to add to its sent report stays open when a review of the stores ends later", async () => {
  const engine = await engineWithReport();
  const { fake, form } = await hiddenForm(engine);
  await attachDraft(form, engine);
  let openCaches = () => {};
  cachesOpen = new Promise((resolve) => {
    openCaches = resolve;
  });
  watchFacts(engine)([report]);
  await rest();
  addButton.dispatchEvent(new Event("click"));
  await rest();
  assert.equal(fake.hidden, false);
  openCaches();
  await rest();
  assert.equal(fake.hidden, false);
});
