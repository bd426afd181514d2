/**
 * Bring forms of cached pages up to date (ADR 28). A cached page may be older than another page, a receipt or an unsent
 * record of the same record: its forms are updated, or a notice replaces them.
 */
import type { Engine, Op, RunningEngine } from "../engine/types.ts";
import { prepareClaimForm, updateClaimForm, updateOpenItems } from "./claim-form.ts";
import { all, hide, one } from "./dom.ts";
import { address, loadDraft, stateOf } from "./draft.ts";
import { enhance } from "./enhance.ts";
import { factsIn, loadFacts, storeFacts } from "./fact-store.ts";
import {
  type Assessment,
  assessRecord,
  assessReport,
  type Fact,
  findDraftOfCopy,
  type Notice,
  newest,
} from "./facts.ts";
import { fillForm } from "./form-data.ts";
import { showNextJob } from "./next-job.ts";
import { refreshPack } from "./pack.ts";
import { fillSlots, parseRendered } from "./pending.ts";
import { setRows } from "./repeat.ts";
import { updateShowWhen } from "./show-when.ts";

const keysOf = (form: HTMLFormElement) => (form.dataset.knows ?? "").split(" ").filter(Boolean);
const offsetOf = (engine: Engine) => ("hello" in engine ? ((engine as RunningEngine).hello()?.offsetMs ?? 0) : 0);

function renderedAt(element: Element): number {
  const around = element.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
  return parseRendered(around.dataset.rendered ?? "");
}

/** Return the id of the refused record that this form corrects. */
function correctedOp(form: HTMLFormElement): string | null {
  return stateOf(form)?.supersedes ?? form.dataset.supersedes ?? null;
}

async function assessForm(form: HTMLFormElement, engine: Engine, ops: readonly Op[]): Promise<Assessment> {
  const keys = keysOf(form);
  const onPhone = await loadFacts(engine.userId, keys);
  const onPage = factsIn(document);
  const latest = (key: string) => newest(onPage.get(key), onPhone.get(key));
  const offset = offsetOf(engine);
  const visit = one<HTMLInputElement>(form, "input[name=visit_id]");
  if (visit) {
    const of = (type: string): Fact | null => latest(keys.find((key) => key.startsWith(`${type}:`)) ?? "");
    const onForm = { visit: visit.value, at: renderedAt(form) };
    return assessReport(onForm, { job: of("job"), due: of("due") }, ops, offset, correctedOp(form));
  }
  for (const key of keys) {
    const onForm = onPage.get(key);
    if (!key.includes(":") || !onForm) continue;
    const assessment = assessRecord(
      key,
      onForm,
      onPhone.get(key) ?? null,
      ops,
      offset,
      correctedOp(form),
      mayBeSentAgain(form),
    );
    if (assessment.notice || assessment.refill) return assessment;
  }
  return {};
}

/** Return whether the form may be submitted again before the first receipt; the last submission counts. */
function mayBeSentAgain(form: HTMLFormElement): boolean {
  return /^(?:service_report|expense_item)\.resubmit$/.test(form.dataset.op ?? "");
}

/** Prefill the form with the values of another record, without its signature. */
function prefill(form: HTMLFormElement, op: Op): void {
  const { signature: _signed, _base, ...fields } = op.fields;
  setRows(form, fields);
  fillForm(form, fields);
  updateShowWhen(form);
}

const notices = new WeakMap<HTMLFormElement, HTMLElement>();

function removeNotice(form: HTMLFormElement): void {
  notices.get(form)?.remove();
  notices.delete(form);
  hide(form, false);
}

/** Show a notice instead of the form; its input and draft stay. */
function showNotice(form: HTMLFormElement, engine: Engine, notice: Notice): void {
  const template = one<HTMLTemplateElement>(document, `template[data-told="${notice.state}"]`);
  const before = notices.get(form);
  if (before?.dataset.said === notice.state) {
    if (notice.op) fillSlots(before, notice.op);
    return;
  }
  removeNotice(form);
  if (!template) return;
  const section = document.createElement("section");
  section.className = "stack";
  section.dataset.said = notice.state;
  section.append(document.importNode(template.content, true));
  if (notice.op) fillSlots(section, notice.op);
  for (const link of all<HTMLAnchorElement>(section, "a[data-record]")) {
    link.href = (link.dataset.record ?? "").replace("{id}", notice.record ?? notice.op?.agg[1] ?? "");
  }
  const addButton = one<HTMLButtonElement>(section, "[data-more]");
  addButton?.addEventListener("click", () => void openToAdd(form, engine, notice, addButton));
  form.before(section);
  notices.set(form, section);
  hide(form, true);
}

/** Turn the form into one that submits the next version of the sent record. */
function switchToResubmit(form: HTMLFormElement, record: string, addButton: HTMLElement): void {
  const { op = "", schema = "1", title = "", submit } = addButton.dataset;
  const button = one(form, ".dock button");
  if (button && submit) button.textContent = submit;
  const heading = one(document, "h1");
  if (heading) heading.textContent = addButton.textContent;
  hide(one(form, "[data-adds]"), false);
  Object.assign(form.dataset, { op, schema, title, agg: `service_report:${record}`, draft: `${op}:${record}:more` });
  delete form.dataset.aggNew;
  delete form.dataset.knows;
  for (const input of all<HTMLInputElement>(form, "input[name=id],input[name=visit_id]")) input.disabled = true;
}

async function openToAdd(form: HTMLFormElement, engine: Engine, notice: Notice, addButton: HTMLElement): Promise<void> {
  const record = notice.record ?? notice.op?.agg[1];
  const state = stateOf(form);
  if (!record) return;
  // Tapped before the form is set up: try again soon.
  if (!state) return void setTimeout(() => form.isConnected && openToAdd(form, engine, notice, addButton), 50);
  const { stored } = state;
  switchToResubmit(form, record, addButton);
  // Input in this form takes precedence over the sent values.
  if (notice.op && !stored) prefill(form, notice.op);
  if (!stored && form.dataset.draft) {
    await findDraft(form, engine);
    state.key = form.dataset.draft;
    await loadDraft(state, false);
  }
  removeNotice(form);
}

async function applyAssessment(form: HTMLFormElement, engine: Engine, assessment: Assessment): Promise<void> {
  if (assessment.notice) return showNotice(form, engine, assessment.notice);
  removeNotice(form);
  const visit = one<HTMLInputElement>(form, "input[name=visit_id]");
  if (!visit || !assessment.visit || visit.value === assessment.visit) return;
  const { draft } = form.dataset;
  visit.value = assessment.visit;
  // Keep the key if it has an open draft of the older form: that draft is continued.
  if (
    draft &&
    !stateOf(form) &&
    !(await engine.drafts.list()).some((one) => one.key === draft && one.state === "open")
  ) {
    form.dataset.draft = `service_report:${assessment.visit}`;
  }
}

/** Return the id of the visit's report on the server, because of which this report was refused. */
function existingReport(op: Op | undefined): string | null {
  const report = op?.kind === "service_report.submit" ? op.result?.current?.report : null;
  return typeof report === "string" ? report : null;
}

const requestedKey = (): string | null => {
  const key = /[#&]draft=([^&]+)/.exec(location.hash)?.[1];
  return key ? decodeURIComponent(key) : null;
};

/** Continue a draft of another copy of this form under its own key. */
async function findDraft(form: HTMLFormElement, engine: Engine): Promise<void> {
  const { draft: key, op: kind = "", agg } = form.dataset;
  if (!key) return;
  const draft = findDraftOfCopy({ key, kind, agg, url: address() }, await engine.drafts.list(), requestedKey());
  if (draft) Object.assign(form.dataset, { draft: draft.key, takes: draft.kind });
}

/** Prepare the form for a refused record's draft, though the form may now be about another record. */
async function adoptDraft(form: HTMLFormElement, engine: Engine): Promise<void> {
  const key = requestedKey() ?? form.dataset.draft;
  for (const draft of await engine.drafts.list()) {
    const op = draft.supersedes && draft.state === "open" ? await engine.get(draft.supersedes) : undefined;
    const report = existingReport(op);
    if (!op || (draft.key !== key && form.dataset.agg !== `service_report:${report}`)) continue;
    form.dataset.supersedes = op.op;
    if (!report) continue;
    // The server already has a report of this visit: submit the draft as its next version.
    const sent = one<HTMLTemplateElement>(document, 'template[data-told="sent"]');
    const addButton = sent?.content.querySelector<HTMLElement>("[data-more]");
    if (form.dataset.op === op.kind && addButton) switchToResubmit(form, report, addButton);
    form.dataset.draft = draft.key;
    form.dataset.takes = draft.kind;
  }
}

/** Bring a form up to date before its draft is attached. */
export async function bringUpToDate(form: HTMLFormElement, engine: Engine): Promise<void> {
  if (form.dataset.knows) await findDraft(form, engine);
  await adoptDraft(form, engine);
  if (!form.dataset.knows) return;
  const ops = await engine.list();
  const assessment = await assessForm(form, engine, ops);
  if (assessment.refill) prefill(form, assessment.refill);
  await applyAssessment(form, engine, assessment);
  if (keysOf(form).includes("free")) await prepareClaimForm(form, engine, ops, offsetOf(engine));
}

/** Reassess the open forms after records or facts changed. */
async function reassessForms(engine: Engine, ops: readonly Op[]): Promise<void> {
  for (const form of all<HTMLFormElement>(document, "form[data-knows]")) {
    const state = stateOf(form);
    // A form that is being or was submitted here needs no notice.
    if (!state || state.saving || state.closed) continue;
    const assessment = await assessForm(form, engine, ops);
    // Opened meanwhile to add to the sent report: do not hide it again.
    if (!form.dataset.knows) continue;
    await applyAssessment(form, engine, assessment);
    if (keysOf(form).includes("free")) updateClaimForm(form, ops, offsetOf(engine));
  }
  await replaceOlderParts(engine);
}

/** Replace parts of cached pages that are about an older visit than the job's current one. */
async function replaceOlderParts(engine: Engine): Promise<void> {
  for (const template of all<HTMLTemplateElement>(document, "template[data-told=older]")) {
    const key = template.dataset.about ?? "";
    const part = template.parentElement;
    const onForm = part && factsIn(part).get(key);
    if (!part || !onForm) continue;
    const onPhone = (await loadFacts(engine.userId, [key])).get(key);
    const visitOf = (fact: Fact | undefined) => (fact?.value as { visit?: string } | undefined)?.visit;
    if (onPhone && onPhone.at > onForm.at && visitOf(onPhone) !== visitOf(onForm)) {
      part.replaceChildren(template, document.importNode(template.content, true));
    }
  }
}

/** Store the page's facts; if one is new, refresh the pack while there is a signal. */
async function storePageFacts(engine: Engine): Promise<void> {
  const changed = await storeFacts(engine.userId, factsIn(document));
  if (changed > 0) void refreshPack(true);
}

/** Watch the page's facts. Return a function to call after every rendering; it returns true if another is needed. */
export function watchFacts(engine: RunningEngine): (ops: readonly Op[]) => boolean {
  void storePageFacts(engine).catch(() => {});
  document.addEventListener("htmx:after:swap", () => void storePageFacts(engine).catch(() => {}));
  return (ops) => {
    const moved = showNextJob(ops, offsetOf(engine));
    if (moved) enhance(document, engine);
    updateOpenItems(ops, offsetOf(engine));
    void reassessForms(engine, ops).catch(() => {});
    return moved;
  };
}
