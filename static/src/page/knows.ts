/**
 * A form knows what its phone knows (ADR 28). A page that was kept may be older than another page, a receipt or an
 * unsent record of the same thing: its forms are brought up to what is known, or a sentence stands in their place.
 */
import type { Engine, Op, RunningEngine } from "../engine/types.ts";
import { moveUp } from "./board.ts";
import { bringUpClaim, reviewClaim, reviewOpen } from "./claim-form.ts";
import { all, hide, one } from "./dom.ts";
import { address, restore, stateOf } from "./draft.ts";
import { enhance } from "./enhance.ts";
import { factsOf, keepFacts, statedIn } from "./fact-store.ts";
import { draftOfCopy, type Fact, judgeRecord, judgeReport, newest, type Told, type Verdict } from "./facts.ts";
import { fillForm } from "./form-data.ts";
import { refreshPack } from "./pack.ts";
import { fillSlots, parseRendered } from "./pending.ts";
import { setRows } from "./repeat.ts";
import { updateShowWhen } from "./show-when.ts";

const keysOf = (form: HTMLFormElement) => (form.dataset.knows ?? "").split(" ").filter(Boolean);
const offsetOf = (engine: Engine) => ("hello" in engine ? ((engine as RunningEngine).hello()?.offsetMs ?? 0) : 0);

function drawnAt(element: Element): number {
  const around = element.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
  return parseRendered(around.dataset.rendered ?? "");
}

/** The refused record that an open draft of this form corrects. */
function ownOf(form: HTMLFormElement): string | null {
  return stateOf(form)?.supersedes ?? form.dataset.supersedes ?? null;
}

async function judge(form: HTMLFormElement, engine: Engine, ops: readonly Op[]): Promise<Verdict> {
  const keys = keysOf(form);
  const kept = await factsOf(engine.userId, keys);
  const stated = statedIn(document);
  const latest = (key: string) => newest(stated.get(key), kept.get(key));
  const offset = offsetOf(engine);
  const visit = one<HTMLInputElement>(form, "input[name=visit_id]");
  if (visit) {
    const of = (type: string): Fact | null => latest(keys.find((key) => key.startsWith(`${type}:`)) ?? "");
    const drawn = { visit: visit.value, at: drawnAt(form) };
    return judgeReport(drawn, { job: of("job"), due: of("due") }, ops, offset, ownOf(form));
  }
  for (const key of keys) {
    const drawn = stated.get(key);
    if (!key.includes(":") || !drawn) continue;
    const verdict = judgeRecord(key, drawn, kept.get(key) ?? null, ops, offset, ownOf(form), again(form));
    if (verdict.told || verdict.refill) return verdict;
  }
  return {};
}

/** Forms that may be sent again before the first answer: their last words win. */
function again(form: HTMLFormElement): boolean {
  return /^(?:service_report|expense_item)\.resubmit$/.test(form.dataset.op ?? "");
}

/** Values of another record of this phone, in a form that is about the same thing. What was signed is signed anew. */
function begin(form: HTMLFormElement, op: Op): void {
  const { signature: _signed, _base, ...fields } = op.fields;
  setRows(form, fields);
  fillForm(form, fields);
  updateShowWhen(form);
}

const sentences = new WeakMap<HTMLFormElement, HTMLElement>();

function unsay(form: HTMLFormElement): void {
  sentences.get(form)?.remove();
  sentences.delete(form);
  hide(form, false);
}

/** The sentence in the form's place; what was typed stays in the form and in its draft. */
function tell(form: HTMLFormElement, engine: Engine, told: Told): void {
  const template = one<HTMLTemplateElement>(document, `template[data-told="${told.state}"]`);
  const before = sentences.get(form);
  if (before?.dataset.said === told.state) {
    if (told.op) fillSlots(before, told.op);
    return;
  }
  unsay(form);
  if (!template) return;
  const where = document.createElement("section");
  where.className = "stack";
  where.dataset.said = told.state;
  where.append(document.importNode(template.content, true));
  if (told.op) fillSlots(where, told.op);
  for (const link of all<HTMLAnchorElement>(where, "a[data-record]")) {
    link.href = (link.dataset.record ?? "").replace("{id}", told.record ?? told.op?.agg[1] ?? "");
  }
  const more = one<HTMLButtonElement>(where, "[data-more]");
  more?.addEventListener("click", () => void addTo(form, engine, told, more));
  form.before(where);
  sentences.set(form, where);
  hide(form, true);
}

/** The form becomes the next version of the record that was sent: what it says is added to that one, on purpose. */
function become(form: HTMLFormElement, record: string, more: HTMLElement): void {
  const { op = "", schema = "1", title = "", submit } = more.dataset;
  const button = one(form, ".dock button");
  if (button && submit) button.textContent = submit;
  const heading = one(document, "h1");
  if (heading) heading.textContent = more.textContent;
  hide(one(form, "[data-adds]"), false);
  Object.assign(form.dataset, { op, schema, title, agg: `service_report:${record}`, draft: `${op}:${record}:more` });
  delete form.dataset.aggNew;
  delete form.dataset.knows;
  for (const input of all<HTMLInputElement>(form, "input[name=id],input[name=visit_id]")) input.disabled = true;
}

async function addTo(form: HTMLFormElement, engine: Engine, told: Told, more: HTMLElement): Promise<void> {
  const record = told.record ?? told.op?.agg[1];
  const state = stateOf(form);
  if (!record) return;
  // Tapped while the form is still being taken over.
  if (!state) return void setTimeout(() => form.isConnected && addTo(form, engine, told, more), 50);
  const { stored } = state;
  become(form, record, more);
  // What was typed into this form counts more than what was sent before.
  if (told.op && !stored) begin(form, told.op);
  if (!stored && form.dataset.draft) {
    await findDraft(form, engine);
    state.key = form.dataset.draft;
    await restore(state, false);
  }
  unsay(form);
}

async function apply(form: HTMLFormElement, engine: Engine, verdict: Verdict): Promise<void> {
  if (verdict.told) return tell(form, engine, verdict.told);
  unsay(form);
  const visit = one<HTMLInputElement>(form, "input[name=visit_id]");
  if (!visit || !verdict.visit || visit.value === verdict.visit) return;
  const { draft } = form.dataset;
  visit.value = verdict.visit;
  // A draft that was typed into the older form stays under its name, and goes on in this one.
  if (
    draft &&
    !stateOf(form) &&
    !(await engine.drafts.list()).some((one) => one.key === draft && one.state === "open")
  ) {
    form.dataset.draft = `service_report:${verdict.visit}`;
  }
}

/** The server's record that a refused one met: the report there is of the visit. */
function metBy(op: Op | undefined): string | null {
  const there = op?.kind === "service_report.submit" ? op.result?.current?.report : null;
  return typeof there === "string" ? there : null;
}

const askedKey = (): string | null => {
  const key = /[#&]draft=([^&]+)/.exec(location.hash)?.[1];
  return key ? decodeURIComponent(key) : null;
};

/** A draft of another copy of this form goes on in it, under its own name. */
async function findDraft(form: HTMLFormElement, engine: Engine): Promise<void> {
  const { draft: key, op: kind = "", agg } = form.dataset;
  if (!key) return;
  const found = draftOfCopy({ key, kind, agg, url: address() }, await engine.drafts.list(), askedKey());
  if (found) Object.assign(form.dataset, { draft: found.key, takes: found.kind });
}

/** A draft of a refused record that is about to be opened in this form, though the form has become another one. */
async function takeDraft(form: HTMLFormElement, engine: Engine): Promise<void> {
  const wanted = askedKey() ?? form.dataset.draft;
  for (const draft of await engine.drafts.list()) {
    const op = draft.supersedes && draft.state === "open" ? await engine.get(draft.supersedes) : undefined;
    const there = metBy(op);
    if (!op || (draft.key !== wanted && form.dataset.agg !== `service_report:${there}`)) continue;
    form.dataset.supersedes = op.op;
    if (!there) continue;
    // The server has a report of this visit already: what was typed becomes its next version.
    const sent = one<HTMLTemplateElement>(document, 'template[data-told="sent"]');
    const more = sent?.content.querySelector<HTMLElement>("[data-more]");
    if (form.dataset.op === op.kind && more) become(form, there, more);
    form.dataset.draft = draft.key;
    form.dataset.takes = draft.kind;
  }
}

/** Before a form is given its draft. */
export async function bringUp(form: HTMLFormElement, engine: Engine): Promise<void> {
  if (form.dataset.knows) await findDraft(form, engine);
  await takeDraft(form, engine);
  if (!form.dataset.knows) return;
  const ops = await engine.list();
  const verdict = await judge(form, engine, ops);
  if (verdict.refill) begin(form, verdict.refill);
  await apply(form, engine, verdict);
  if (keysOf(form).includes("free")) await bringUpClaim(form, engine, ops, offsetOf(engine));
}

/** Something arrived, was sent or was written down: forms that stand open are looked at again. */
async function review(engine: Engine, ops: readonly Op[]): Promise<void> {
  for (const form of all<HTMLFormElement>(document, "form[data-knows]")) {
    const state = stateOf(form);
    // A form that is being sent, or was sent from here, leads on by itself.
    if (!state || state.saving || state.closed) continue;
    const verdict = await judge(form, engine, ops);
    // Opened meanwhile to add to what was sent: it must not be hidden again.
    if (!form.dataset.knows) continue;
    await apply(form, engine, verdict);
    if (keysOf(form).includes("free")) reviewClaim(form, ops, offsetOf(engine));
  }
  await tellOlder(engine);
}

/** A part of a kept page that is about another visit than the newest page of the same job. */
async function tellOlder(engine: Engine): Promise<void> {
  for (const template of all<HTMLTemplateElement>(document, "template[data-told=older]")) {
    const key = template.dataset.about ?? "";
    const part = template.parentElement;
    const drawn = part && statedIn(part).get(key);
    if (!part || !drawn) continue;
    const kept = (await factsOf(engine.userId, [key])).get(key);
    const visitOf = (fact: Fact | undefined) => (fact?.value as { visit?: string } | undefined)?.visit;
    if (kept && kept.at > drawn.at && visitOf(kept) !== visitOf(drawn)) {
      part.replaceChildren(template, document.importNode(template.content, true));
    }
  }
}

/** A page tells something that the pack was made without: it is brought up before the signal goes. */
async function note(engine: Engine): Promise<void> {
  const news = await keepFacts(engine.userId, statedIn(document));
  if (news > 0) void refreshPack(true);
}

/** Watches the page; `paint` draws it again. Returns what is to be done after every drawing: true draws once more. */
export function watchFacts(engine: RunningEngine): (ops: readonly Op[]) => boolean {
  void note(engine).catch(() => {});
  document.addEventListener("htmx:after:swap", () => void note(engine).catch(() => {}));
  return (ops) => {
    const moved = moveUp(ops, offsetOf(engine));
    if (moved) enhance(document, engine);
    reviewOpen(ops, offsetOf(engine));
    void review(engine, ops).catch(() => {});
    return moved;
  };
}
