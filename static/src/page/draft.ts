import { AlreadySubmitted, type Draft, type Engine, type Op } from "../engine/types.ts";
import { markClean, markDirty } from "./dirty.ts";
import { all, controlsOf, hide, isControl, one, reveal } from "./dom.ts";
import { deleteEmergencyDraft, restoreEmergencyDrafts, saveEmergencyDraft } from "./emergency-draft.ts";
import { type Fields, fieldsOf, fillForm, typedEarly } from "./form-data.ts";
import { compactRows, resetRows, setRows } from "./repeat.ts";
import { disableStorage } from "./session.ts";
import { updateShowWhen } from "./show-when.ts";
import { fill, shortTime, text } from "./texts.ts";
import { clearProblems, showServerProblems } from "./validate.ts";

const SAVE_DELAY_MS = 300;

/** State of a form on the page. */
export interface FormState {
  readonly form: HTMLFormElement;
  readonly engine: Engine;
  /** Key of its draft; null for a button. */
  key: string | null;
  supersedes: string | null;
  problems: Draft["problems"];
  /** The store has an open draft. */
  stored: boolean;
  /** Changed since the last save. */
  changed: boolean;
  /** A save is running; if the page is left now it may not finish. */
  writing: boolean;
  saving: boolean;
  /** Photos that are still being processed. */
  busy: Promise<unknown>;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Saves run one after another, so that an older state never overwrites a newer one. */
  queue: Promise<unknown>;
  /** Resolves once the draft, if any, is loaded into the fields. */
  ready: Promise<void>;
  /** Submitted, also from another tab, or the draft is unreadable: nothing is saved. */
  closed: boolean;
  /** The draft is not loaded yet or is unreadable. */
  reading: boolean;
}

const states = new WeakMap<HTMLFormElement, FormState>();
const activeStates = new Set<FormState>();

export function stateOf(form: HTMLFormElement): FormState | undefined {
  return states.get(form);
}

/** Return the draft key in the hash (`#draft=<key>`): a draft that was chosen from a list. */
function requestedKey(): string | null {
  const match = /[#&]draft=([^&]+)/.exec(location.hash);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}

let requestedDraft: Promise<Draft | undefined> | null = null;
let isRequestTaken = false;

/** Return whether the draft belongs to record `agg`: its key contains the record's id, or `op:` and the refused operation. */
function isAbout(agg: string, key: string, op: Op | undefined): boolean {
  return op ? agg === op.agg.join(":") : key.startsWith("op:") || key.includes(agg.slice(agg.indexOf(":") + 1));
}

async function keyFor(form: HTMLFormElement, engine: Engine): Promise<string | null> {
  const requested = requestedKey();
  if (requested && !isRequestTaken) {
    requestedDraft ??= engine.drafts.load(requested);
    const draft = await requestedDraft;
    const op = draft?.supersedes ? await engine.get(draft.supersedes) : undefined;
    const agg = form.dataset.agg;
    if (form.dataset.takes && draft?.kind === form.dataset.takes) {
      isRequestTaken = true;
      return requested;
    }
    if (draft?.kind === form.dataset.op && (!agg || isAbout(agg, requested, op)) && !isRequestTaken) {
      isRequestTaken = true;
      return requested;
    }
  }
  if (form.dataset.draft) return form.dataset.draft;
  // Photos and signatures need a draft to belong to.
  const needsOwner = one(form, "[data-photos],[data-signature]") !== null;
  return needsOwner ? `auto:${form.dataset.op}:${form.dataset.agg ?? location.pathname}` : null;
}

/** Fill the form's title pattern, with labels of options and radios instead of their values. */
export function titleOf(form: HTMLFormElement): string {
  const vars: { [name: string]: string } = {};
  for (const control of form.elements) {
    if (!isControl(control) || !control.name || control.type === "password") continue;
    if (control instanceof HTMLSelectElement)
      vars[control.name] = control.selectedOptions[0]?.text.split(" · ")[0]?.trim() ?? "";
    else if (control instanceof HTMLInputElement && (control.type === "radio" || control.type === "checkbox")) {
      if (control.checked) vars[control.name] = control.labels?.[0]?.textContent?.trim() ?? control.value;
    } else if (control.type === "number" && "step" in control && control.step === "0.01" && control.value)
      vars[control.name] = Number(control.value).toFixed(2);
    else vars[control.name] = control.value;
  }
  return fill(form.dataset.title ?? form.dataset.op ?? "", vars)
    .replace(/\{[\w.-]+\}/g, "")
    .trim();
}

/** Show a message and the discard button in the draft line; hide the line for an empty message. */
function setDraftLine(form: HTMLFormElement, message: string): void {
  const where = one(form, "[data-draft-note]");
  if (where) where.textContent = message;
  for (const part of all(form, "[data-draft-line],[data-draft-note],[data-draft-discard]")) hide(part, message === "");
}

function showNote(state: FormState, key: string, at: number): void {
  setDraftLine(state.form, text(key, { time: shortTime(at) }));
}

/** Close the form because another tab submitted its draft. */
export function showAlreadySubmitted(state: FormState, at: number): void {
  state.closed = true;
  showNote(state, "draft.already_sent", at);
}

function draftOf(state: FormState, key: string): Omit<Draft, "updated" | "state"> {
  const { form, supersedes, problems } = state;
  return {
    key,
    kind: form.dataset.op ?? "",
    title: titleOf(form),
    url: address(),
    fields: fieldsOf(form),
    supersedes,
    problems,
  };
}

async function write(state: FormState): Promise<void> {
  if (!state.key || state.closed) return;
  state.changed = false;
  state.writing = true;
  try {
    await state.engine.drafts.save(draftOf(state, state.key));
  } catch (error) {
    if (error instanceof AlreadySubmitted) return showAlreadySubmitted(state, error.at);
    throw error;
  } finally {
    state.writing = false;
  }
  state.stored = true;
  if (!state.changed) deleteEmergencyDraft(state.engine.userId, state.key);
  showNote(state, "draft.saved", Date.now());
}

/** Save the draft now. Failures are shown in the draft line, never thrown. */
export function saveNow(state: FormState, force = false): Promise<void> {
  clearTimeout(state.timer);
  state.timer = undefined;
  if (!state.key || (!state.changed && !force)) return state.queue.then(() => {});
  const result = state.queue.then(() => write(state));
  state.queue = result.catch(() => {
    state.changed = true;
    setDraftLine(state.form, text("draft.not_saved"));
  });
  return state.queue.then(() => {});
}

/** Mark the form as changed and save it soon. */
export function markChanged(state: FormState): void {
  if (!state.key || state.closed || state.saving) return;
  state.changed = true;
  markDirty(state.form);
  state.timer ??= setTimeout(() => void saveNow(state), SAVE_DELAY_MS);
}

/** Event on the form after its fields were replaced, for the photo and signature modules. */
export const RESTORED = "fieldapp:restored";

function fillFields(state: FormState, saved: Fields): void {
  let fields = saved;
  for (const block of all(state.form, "[data-repeat]")) fields = compactRows(block.dataset.repeat ?? "", fields);
  setRows(state.form, fields);
  fillForm(state.form, fields);
  for (const control of controlsOf(state.form)) if (control.name && fields[control.name]?.length) reveal(control);
  updateShowWhen(state.form);
  state.form.dispatchEvent(new CustomEvent(RESTORED));
}

/** Serialize the fields, to detect typing in the meantime. */
const screenOf = (state: FormState) => JSON.stringify(fieldsOf(state.form));

export async function loadDraft(state: FormState, early: boolean, before?: string): Promise<void> {
  if (!state.key) return;
  const draft = await state.engine.drafts.load(state.key);
  state.stored = draft !== undefined;
  if (!draft) return;
  const { fields, supersedes, problems, updated } = draft;
  Object.assign(state, { supersedes, problems });
  // Typed since `before`: newer than the draft, and saved as usual.
  if (before !== undefined && before !== screenOf(state)) return;
  if (before !== undefined) state.changed = false;
  // Typed before the store responded: what is on the screen is newer.
  fillFields(state, early ? { ...fields, ...typedEarly(state.form) } : fields);
  showNote(state, "draft.restored", updated);
  if (problems) showServerProblems(state.form, problems);
  if (supersedes) await showConflict(state, supersedes, fields);
}

/** Load the draft of a reopened or undone record into its form. */
export async function reopenDraft(state: FormState, key: string): Promise<void> {
  Object.assign(state, { key, closed: false });
  lockButtons(state.form, false);
  state.ready = loadDraft(state, false);
  await state.ready;
}

/** Return the form of a draft on this page: the one with its key, or one of the same kind without a key. */
export function formOf(draft: Pick<Draft, "key" | "kind" | "url">, agg: string): FormState | undefined {
  const here = [...activeStates].filter(({ form }) => form.isConnected && form.dataset.op === draft.kind);
  const about = here.filter(({ form }) => !form.dataset.agg || form.dataset.agg === agg);
  return about.find(({ key }) => key === draft.key) ?? about.find(({ key }) => key === null && draft.url === address());
}

/** Return this page's address as stored in records. */
export function address(): string {
  return location.pathname + location.search;
}

/** Show both values at the fields if the corrected record is in conflict (failure mode 51). */
async function showConflict(state: FormState, id: string, fields: Fields): Promise<void> {
  const op = await state.engine.get(id);
  if (op?.state !== "conflict") return;
  // If the module cannot be loaded, the server's messages at the fields remain.
  await import("./conflict-card.ts")
    .then(({ showConflictInForm }) => showConflictInForm(state, op, fields))
    .catch(() => {});
}

/** Disable the submit buttons, or enable those that were disabled here. */
export function lockButtons(form: HTMLFormElement, on: boolean): void {
  if (on) form.setAttribute("aria-busy", "true");
  else form.removeAttribute("aria-busy");
  for (const button of all<HTMLButtonElement>(form, "button[type=submit],button:not([type])")) {
    if (on && !button.disabled) button.dataset.lockedHere = "";
    if (button.dataset.lockedHere !== undefined) button.disabled = on;
    if (!on) delete button.dataset.lockedHere;
  }
}

/** Reset the form to the server's values after its draft was submitted or removed. */
export function clearForm(state: FormState): void {
  clearTimeout(state.timer);
  state.timer = undefined;
  Object.assign(state, { supersedes: null, problems: null, stored: false, changed: false, closed: false });
  resetRows(state.form);
  state.form.reset();
  const shown = one<HTMLInputElement>(state.form, "input[name=_base]");
  if (shown) state.form.dataset.base = shown.value;
  // reset() leaves hidden inputs as scripts last set them.
  for (const input of all<HTMLInputElement>(state.form, "[data-signature] input[type=hidden]")) input.value = "";
  clearProblems(state.form);
  updateShowWhen(state.form);
  setDraftLine(state.form, "");
  markClean(state.form);
  state.form.dispatchEvent(new CustomEvent(RESTORED));
}

/** Reset the form and load the draft's new generation, so that the form can be submitted again. */
export async function resetForm(state: FormState): Promise<void> {
  clearForm(state);
  if (state.key) await state.engine.drafts.load(state.key);
}

async function discard(state: FormState): Promise<void> {
  if (!state.key) return;
  clearTimeout(state.timer);
  state.changed = false;
  await state.queue;
  for (const photo of await state.engine.attachmentsOf({ draft: state.key }))
    await state.engine.photos.remove(photo.id);
  await state.engine.drafts.remove(state.key);
  await resetForm(state);
}

/** Connect a form to its draft: load it, save changes, show when it was saved. */
export async function attachDraft(form: HTMLFormElement, engine: Engine): Promise<FormState> {
  const existing = states.get(form);
  if (existing) return existing;
  const key = await keyFor(form, engine);
  const state: FormState = {
    form,
    engine,
    key,
    supersedes: null,
    problems: null,
    stored: false,
    changed: false,
    writing: false,
    saving: false,
    busy: Promise.resolve(),
    timer: undefined,
    queue: Promise.resolve(),
    ready: Promise.resolve(),
    closed: false,
    reading: true,
  };
  states.set(form, state);
  activeStates.add(state);
  form.addEventListener("input", () => markChanged(state));
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "file") return;
    markChanged(state);
  });
  const button = one<HTMLButtonElement>(form, "[data-draft-discard]");
  button?.addEventListener("click", () => {
    if (!button.dataset.confirm || confirm(button.dataset.confirm)) void discard(state);
  });
  if (Object.keys(typedEarly(form)).length > 0) markChanged(state);
  state.ready = loadDraft(state, true).then(
    () => {
      state.reading = false;
    },
    (error) => {
      // Saving would overwrite the draft that could not be read.
      state.closed = true;
      disableStorage(error);
    },
  );
  // For the same reason nothing is saved before the draft was read.
  state.queue = state.ready;
  await state.ready;
  return state;
}

/**
 * Save all changed forms: a hidden page may be killed at any moment (failure mode 24). A page that is being left cannot
 * wait for the database; it writes emergency drafts, which the next page restores.
 */
export function saveAllNow(leaving = false): void {
  for (const state of activeStates) {
    if (!state.form.isConnected) activeStates.delete(state);
    else if ((state.changed || state.writing || state.saving) && state.key && !state.closed) {
      const draft = draftOf(state, state.key);
      if (state.reading) draft.fields = typedEarly(state.form);
      const left = saveEmergencyDraft(state.engine, draft, state.stored, state.reading);
      if (!leaving) void saveNow(state);
      else if (left) {
        clearTimeout(state.timer);
        state.timer = undefined;
        state.changed = false;
      }
    }
  }
}

/** Save the forms below `root` before it is replaced. */
export async function saveFormsIn(root: Element): Promise<void> {
  for (const state of activeStates) {
    if (!root.contains(state.form)) continue;
    await state.busy;
    await saveNow(state);
  }
}

/** Reload all drafts after the page returned from the back/forward cache (failure mode 67). */
export async function reloadAll(): Promise<void> {
  const before = new Map([...activeStates].map((state) => [state, screenOf(state)]));
  for (const { engine } of [...activeStates].slice(0, 1)) await restoreEmergencyDrafts(engine);
  for (const state of activeStates) {
    lockButtons(state.form, false);
    if (!state.key) continue;
    // Wait for saves that ran as the page was left.
    await state.queue;
    const { drafts } = state.engine;
    const gen = drafts.generation(state.key);
    const draft = await drafts.load(state.key);
    const unread = state.reading;
    if (unread) state.reading = state.closed = false;
    if (draft) await loadDraft(state, false, before.get(state));
    else if (unread) markChanged(state);
    else if (state.stored || state.closed || drafts.generation(state.key) > gen) clearForm(state);
  }
}
