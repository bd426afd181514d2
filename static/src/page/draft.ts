import { AlreadySubmitted, type Draft, type Engine, type Op } from "../engine/types.ts";
import { markClean, markDirty } from "./dirty.ts";
import { all, controlsOf, hide, isControl, one, reveal } from "./dom.ts";
import { type Fields, fieldsOf, fillForm, typedEarly } from "./form-data.ts";
import { adoptWords, forgetWords, leaveWords } from "./last-words.ts";
import { compactRows, resetRows, setRows } from "./repeat.ts";
import { giveUpStoring } from "./session.ts";
import { updateShowWhen } from "./show-when.ts";
import { fill, shortTime, text } from "./texts.ts";
import { clearProblems, showServerProblems } from "./validate.ts";

const PAUSE = 300;

/** What is known about one form on the page. */
export interface FormState {
  readonly form: HTMLFormElement;
  readonly engine: Engine;
  /** Null for plain buttons, which have nothing to keep. */
  key: string | null;
  supersedes: string | null;
  problems: Draft["problems"];
  /** An open draft lies in the store. */
  stored: boolean;
  /** Typed since the last save. */
  changed: boolean;
  /** On its way into the store; a page that is left now takes it along half-way. */
  writing: boolean;
  saving: boolean;
  /** Photos that are still being made smaller. */
  busy: Promise<unknown>;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Saves follow each other, so that an older state can never land last. */
  queue: Promise<unknown>;
  /** Resolves once the draft, if any, is in the fields. */
  ready: Promise<void>;
  /** Sent from this page or from another tab, or the draft cannot be read: nothing is saved until that has changed. */
  closed: boolean;
  /** The draft, if any, is not in the fields yet, or cannot be read. */
  reading: boolean;
}

const states = new WeakMap<HTMLFormElement, FormState>();
const live = new Set<FormState>();

export function stateOf(form: HTMLFormElement): FormState | undefined {
  return states.get(form);
}

/** `#draft=<key>`: a draft that was chosen, whatever key the form has by now. */
function askedKey(): string | null {
  const match = /[#&]draft=([^&]+)/.exec(location.hash);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}

let askedFor: Promise<Draft | undefined> | null = null;
let askedTaken = false;

/** Keys name the record; those of refused records name the operation. */
function isAbout(agg: string, key: string, op: Op | undefined): boolean {
  return op ? agg === op.agg.join(":") : key.startsWith("op:") || key.includes(agg.slice(agg.indexOf(":") + 1));
}

async function keyFor(form: HTMLFormElement, engine: Engine): Promise<string | null> {
  const asked = askedKey();
  if (asked && !askedTaken) {
    askedFor ??= engine.drafts.load(asked);
    const draft = await askedFor;
    const op = draft?.supersedes ? await engine.get(draft.supersedes) : undefined;
    const agg = form.dataset.agg;
    if (form.dataset.takes && draft?.kind === form.dataset.takes) {
      askedTaken = true;
      return asked;
    }
    if (draft?.kind === form.dataset.op && (!agg || isAbout(agg, asked, op)) && !askedTaken) {
      askedTaken = true;
      return asked;
    }
  }
  if (form.dataset.draft) return form.dataset.draft;
  // Photos and strokes need an owner before anything is sent.
  const needsOwner = one(form, "[data-photos],[data-signature]") !== null;
  return needsOwner ? `auto:${form.dataset.op}:${form.dataset.agg ?? location.pathname}` : null;
}

/** Shown names instead of codes: the option's words, the radio's label. */
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

/** What is said about the draft, with the way to be rid of it; the line is hidden while there is nothing to say. */
function sayOfDraft(form: HTMLFormElement, words: string): void {
  const where = one(form, "[data-draft-note]");
  if (where) where.textContent = words;
  for (const part of all(form, "[data-draft-line],[data-draft-note],[data-draft-discard]")) hide(part, words === "");
}

function note(state: FormState, key: string, at: number): void {
  sayOfDraft(state.form, text(key, { time: shortTime(at) }));
}

/** Another tab sent this draft while it stood open here. */
export function tellAlreadySent(state: FormState, at: number): void {
  state.closed = true;
  note(state, "draft.already_sent", at);
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
    if (error instanceof AlreadySubmitted) return tellAlreadySent(state, error.at);
    throw error;
  } finally {
    state.writing = false;
  }
  state.stored = true;
  if (!state.changed) forgetWords(state.engine.userId, state.key);
  note(state, "draft.saved", Date.now());
}

/** Saves at once. Failing to keep a draft is told, never thrown: the form stays on the screen. */
export function saveNow(state: FormState, force = false): Promise<void> {
  clearTimeout(state.timer);
  state.timer = undefined;
  if (!state.key || (!state.changed && !force)) return state.queue.then(() => {});
  const result = state.queue.then(() => write(state));
  state.queue = result.catch(() => {
    state.changed = true;
    sayOfDraft(state.form, text("draft.not_saved"));
  });
  return state.queue.then(() => {});
}

/** Called for every change of the form. */
export function touch(state: FormState): void {
  if (!state.key || state.closed || state.saving) return;
  state.changed = true;
  markDirty(state.form);
  state.timer ??= setTimeout(() => void saveNow(state), PAUSE);
}

/** Tells the lazily loaded parts (photos, strokes) that the fields were replaced from outside. */
export const RESTORED = "fieldapp:restored";

function show(state: FormState, kept: Fields): void {
  let fields = kept;
  for (const block of all(state.form, "[data-repeat]")) fields = compactRows(block.dataset.repeat ?? "", fields);
  setRows(state.form, fields);
  fillForm(state.form, fields);
  for (const control of controlsOf(state.form)) if (control.name && fields[control.name]?.length) reveal(control);
  updateShowWhen(state.form);
  state.form.dispatchEvent(new CustomEvent(RESTORED));
}

/** What stands in the fields, to tell later whether somebody typed meanwhile. */
const screenOf = (state: FormState) => JSON.stringify(fieldsOf(state.form));

export async function restore(state: FormState, early: boolean, before?: string): Promise<void> {
  if (!state.key) return;
  const draft = await state.engine.drafts.load(state.key);
  state.stored = draft !== undefined;
  if (!draft) return;
  const { fields, supersedes, problems, updated } = draft;
  Object.assign(state, { supersedes, problems });
  // Typed since `before`: newer than the draft, and saved like anything that is typed.
  if (before !== undefined && before !== screenOf(state)) return;
  if (before !== undefined) state.changed = false;
  // Typed faster than the store answered: what is on the screen is newer.
  show(state, early ? { ...fields, ...typedEarly(state.form) } : fields);
  note(state, "draft.restored", updated);
  if (problems) showServerProblems(state.form, problems);
  if (supersedes) await meet(state, supersedes, fields);
}

/** The store holds this form's draft anew: a refused record came back, or a decision was taken back. */
export async function refill(state: FormState, key: string): Promise<void> {
  Object.assign(state, { key, closed: false });
  lockButtons(state.form, false);
  state.ready = restore(state, false);
  await state.ready;
}

/** The form on this page that a draft belongs to: under its key, or of the same kind where it has none of its own. */
export function formOf(draft: Pick<Draft, "key" | "kind" | "url">, agg: string): FormState | undefined {
  const here = [...live].filter(({ form }) => form.isConnected && form.dataset.op === draft.kind);
  const about = here.filter(({ form }) => !form.dataset.agg || form.dataset.agg === agg);
  return about.find(({ key }) => key === draft.key) ?? about.find(({ key }) => key === null && draft.url === address());
}

/** This page's address as records remember it. */
export function address(): string {
  return location.pathname + location.search;
}

/** A record that met somebody else's change comes back with both values (failure mode 51). */
async function meet(state: FormState, id: string, fields: Fields): Promise<void> {
  const op = await state.engine.get(id);
  if (op?.state !== "conflict") return;
  // Without it the server's words still stand at the fields.
  await import("./conflict-card.ts").then(({ meetForm }) => meetForm(state, op, fields)).catch(() => {});
}

/** A second tap must find nothing to press. */
export function lockButtons(form: HTMLFormElement, on: boolean): void {
  if (on) form.setAttribute("aria-busy", "true");
  else form.removeAttribute("aria-busy");
  for (const button of all<HTMLButtonElement>(form, "button[type=submit],button:not([type])")) {
    if (on && !button.disabled) button.dataset.lockedHere = "";
    if (button.dataset.lockedHere !== undefined) button.disabled = on;
    if (!on) delete button.dataset.lockedHere;
  }
}

/** Back to what the server sent; the draft and its photos are gone. */
export function empty(state: FormState): void {
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
  sayOfDraft(state.form, "");
  markClean(state.form);
  state.form.dispatchEvent(new CustomEvent(RESTORED));
}

/** After a form that stays on its page was sent: empty, and the engine told that this is a new one. */
export async function startOver(state: FormState): Promise<void> {
  empty(state);
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
  await startOver(state);
}

/** Gives a form its draft: loads it, keeps it, shows when it was kept. */
export async function attachDraft(form: HTMLFormElement, engine: Engine): Promise<FormState> {
  const known = states.get(form);
  if (known) return known;
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
  live.add(state);
  form.addEventListener("input", () => touch(state));
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "file") return;
    touch(state);
  });
  const button = one<HTMLButtonElement>(form, "[data-draft-discard]");
  button?.addEventListener("click", () => {
    if (!button.dataset.confirm || confirm(button.dataset.confirm)) void discard(state);
  });
  if (Object.keys(typedEarly(form)).length > 0) touch(state);
  state.ready = restore(state, true).then(
    () => {
      state.reading = false;
    },
    (error) => {
      // What is typed into the empty form would be saved over the draft that could not be read.
      state.closed = true;
      giveUpStoring(error);
    },
  );
  // For the same reason nothing is saved before the draft was read.
  state.queue = state.ready;
  await state.ready;
  return state;
}

/**
 * The page may be killed without another word once it is hidden (failure mode 24). One that is left writes nothing to
 * the database any more, whose end it would not see; what it leaves is taken up by the next page.
 */
export function saveAllNow(leaving = false): void {
  for (const state of live) {
    if (!state.form.isConnected) live.delete(state);
    else if ((state.changed || state.writing || state.saving) && state.key && !state.closed) {
      const draft = draftOf(state, state.key);
      if (state.reading) draft.fields = typedEarly(state.form);
      const left = leaveWords(state.engine, draft, state.stored, state.reading);
      if (!leaving) void saveNow(state);
      else if (left) {
        clearTimeout(state.timer);
        state.timer = undefined;
        state.changed = false;
      }
    }
  }
}

/** Before a part of the page is replaced: what its forms hold is in the store once this resolves. */
export async function settle(root: Element): Promise<void> {
  for (const state of live) {
    if (!root.contains(state.form)) continue;
    await state.busy;
    await saveNow(state);
  }
}

/** The page came back from the browser's memory: the store is right, the screen may be old (failure mode 67). */
export async function rereadAll(): Promise<void> {
  const before = new Map([...live].map((state) => [state, screenOf(state)]));
  for (const { engine } of [...live].slice(0, 1)) await adoptWords(engine);
  for (const state of live) {
    lockButtons(state.form, false);
    if (!state.key) continue;
    // What was on its way as the page was left has ended, one way or the other.
    await state.queue;
    const { drafts } = state.engine;
    const gen = drafts.generation(state.key);
    const draft = await drafts.load(state.key);
    const unread = state.reading;
    if (unread) state.reading = state.closed = false;
    if (draft) await restore(state, false, before.get(state));
    else if (unread) touch(state);
    else if (state.stored || state.closed || drafts.generation(state.key) > gen) empty(state);
  }
}
