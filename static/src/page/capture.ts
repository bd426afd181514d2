import { uuidv7 } from "../engine/ids.ts";
import {
  type Aggregate,
  AlreadySubmitted,
  type Engine,
  type JsonObject,
  StorageFull,
  StorageUnavailable,
} from "../engine/types.ts";
import { markClean } from "./dirty.ts";
import { all, one } from "./dom.ts";
import { address, type FormState, lockButtons, startOver, stateOf, tellAlreadySent, titleOf } from "./draft.ts";
import { flashNext, toast } from "./flash.ts";
import { fieldsOf, pairsOf, toData } from "./form-data.ts";
import { forgetWords } from "./last-words.ts";
import { positionData } from "./position.ts";
import { banner, giveUpStoring, session } from "./session.ts";
import { serverAnswers } from "./shell.ts";
import { text } from "./texts.ts";
import { leavingSoon } from "./touch.ts";
import { setDays, validate } from "./validate.ts";
import { wordsOf } from "./words.ts";

/** Dispatched on document once a record is in both stores. */
export const CAPTURED = "fieldapp:captured";

function splitAgg(value: string): Aggregate {
  const at = value.indexOf(":");
  return [value.slice(0, at), value.slice(at + 1)];
}

/** A corrected record keeps the id of the one it replaces, so that what refers to it still finds it. */
async function aggregateOf(state: FormState): Promise<{ agg: Aggregate; isNew: boolean }> {
  const { agg, aggNew } = state.form.dataset;
  if (agg) return { agg: splitAgg(agg), isNew: false };
  const before = state.supersedes ? await state.engine.get(state.supersedes) : undefined;
  if (before && before.agg[0] === aggNew) return { agg: before.agg, isNew: true };
  return { agg: [aggNew ?? state.form.dataset.op ?? "", uuidv7(Date.now())], isNew: true };
}

function baseOf(form: HTMLFormElement): { ver: number; fields: JsonObject } | null {
  if (!form.dataset.base) return null;
  const base: unknown = JSON.parse(form.dataset.base);
  return base && typeof base === "object" && "ver" in base ? (base as { ver: number; fields: JsonObject }) : null;
}

/** Limit for loading the photo module; photos.ts limits the time of each photo. */
const PHOTOS_MS = 90_000;

/** Waits for the photos. One that fails meanwhile stops the record: its author meant to send it along. */
async function photosOf(form: HTMLFormElement, busy: Promise<unknown>): Promise<void> {
  const bad = () => all(form, "[data-photos][aria-invalid]").length;
  const before = bad();
  const late = pause(PHOTOS_MS).then(() => true);
  if ((await Promise.race([busy.then(() => false), late])) || bad() > before) throw new Error("photos");
}

/** Freezes the form and returns once it lies in both stores. */
async function freeze(state: FormState, submitter: HTMLElement | null): Promise<{ op: string; ref: string }> {
  const { form, engine } = state;
  const fields = fieldsOf(form);
  const data = toData(pairsOf(form, submitter));
  if (form.hasAttribute("data-position")) Object.assign(data, await positionData());
  const { agg, isNew } = await aggregateOf(state);
  if (isNew) data.id = agg[1];
  await photosOf(form, state.busy);
  // The record takes the draft's place; a save that is under way must land before it.
  clearTimeout(state.timer);
  state.timer = undefined;
  state.changed = false;
  await state.queue;
  return engine.capture({
    kind: form.dataset.op ?? "",
    schema: Number(form.dataset.schema ?? 1),
    agg,
    base: baseOf(form),
    data,
    title: titleOf(form),
    url: address(),
    draftKey: state.key,
    fields,
    words: wordsOf(form),
    supersedes: state.supersedes,
    hold: Number(form.dataset.undo ?? 0) * 1000,
  });
}

/** Without network and without a service worker the next page would be the browser's error page. */
function canLeave(): boolean {
  return navigator.onLine !== false || Boolean(navigator.serviceWorker?.controller);
}

/** Once the screen shows what was just written; a hidden page paints nothing and does not wait. */
function afterPaint(then: () => void): void {
  const late = setTimeout(then, 100);
  requestAnimationFrame(() => {
    clearTimeout(late);
    setTimeout(then);
  });
}

/** A number for others on this phone is worth a moment, and no form that stays where it is. */
const NOTING = 500;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function isThisPage(done: string): boolean {
  const { pathname, search } = new URL(done, location.href);
  return pathname + search === address();
}

/** The page that comes next goes on with what can still be taken back here. */
function leaveFor(done: string, engine: Engine): void {
  leavingSoon();
  session.goesOn = true;
  afterPaint(() => void Promise.race([engine.noted(), pause(NOTING)]).then(() => location.assign(done)));
}

async function afterSaved(state: FormState, message: string, id: string | null): Promise<void> {
  const { engine, form } = state;
  markClean(form);
  if (state.key) forgetWords(engine.userId, state.key);
  document.dispatchEvent(new CustomEvent(CAPTURED));
  const { done, quiet } = form.dataset;
  const says = quiet === undefined;
  // Said here at once and again on the next page: the word must not wait for a page to be drawn.
  if (says) toast(message, id);
  const leaves = done && !isThisPage(done) && canLeave();
  // What can be taken back is not sent yet.
  if (id && !form.dataset.undo && leaves && ["online", "unknown"].includes(engine.link())) {
    // Should that fail, the next page says it.
    const refused = import("./acts.ts").then(({ refusedSoon }) => refusedSoon(engine, id, state));
    if (await refused.catch(() => false)) return;
  }
  if (leaves) {
    if (says) flashNext(message, id);
    state.closed = true;
    return leaveFor(done, engine);
  }
  if (state.key) await startOver(state);
  // A pending piece usually takes the button's place; if none does, a second tap must be meant.
  setTimeout(() => lockButtons(form, false), 1500);
}

function tellFailure(state: FormState, error: unknown): void {
  state.changed = true;
  lockButtons(state.form, false);
  if (error instanceof AlreadySubmitted) {
    markClean(state.form);
    tellAlreadySent(state, error.at);
    toast(text("draft.already_sent_short"));
  } else if (error instanceof StorageFull && error.stored) {
    // Safe in one store instead of two: said as it is, but not to be sent again.
    banner(text("storage.full_saved"));
    void afterSaved(state, text("saved.one_store"), null);
  } else if (error instanceof StorageFull) banner(text("storage.no_room"));
  else if (error instanceof StorageUnavailable) {
    giveUpStoring(error);
    // It may still come into the store, and would be sent from there: not a second time by hand.
    if (error.unsure) lockButtons(state.form, true);
  } else banner(text("storage.failed"));
}

/** A form or button that cannot be taken back asks first, whichever way it goes. */
function agreed(form: HTMLFormElement, submitter: HTMLElement | null): boolean {
  const question = submitter?.dataset.confirm ?? form.dataset.confirm;
  return !question || confirm(question);
}

/** A tap is answered in words before anybody taps again. */
const PATIENCE = 3000;

async function save(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  let said = false;
  const late = setTimeout(() => {
    said = true;
    banner(text("storage.waiting"));
  }, PATIENCE);
  const answered = () => {
    clearTimeout(late);
    if (said) banner("");
    said = false;
  };
  try {
    await saveOrSay(form, submitter, answered);
  } finally {
    answered();
  }
}

async function saveOrSay(form: HTMLFormElement, submitter: HTMLElement | null, answered: () => void): Promise<void> {
  const engine = await session.ready;
  if (!engine || session.broken) {
    const reached = await serverAnswers();
    answered();
    if (reached) submitPlainly(form, submitter);
    else banner(text("storage.no_way"));
    return;
  }
  const state = stateOf(form);
  // A tap before the form was looked at: wait for it, then go on as usual.
  if (!state) return void setTimeout(() => save(form, submitter), 30);
  await state.ready;
  if (state.saving || state.closed) return;
  state.saving = true;
  try {
    const skip = submitter instanceof HTMLButtonElement && submitter.formNoValidate;
    if (!skip && !validate(form)) return;
    if (!agreed(form, submitter)) return;
    lockButtons(form, true);
    banner(""); // what an earlier try said
    submitter?.setAttribute("aria-busy", "true");
    const { op, ref } = await freeze(state, submitter);
    answered();
    const seconds = form.dataset.undo;
    const title = titleOf(form);
    await afterSaved(
      state,
      seconds ? text("undo.said", { title, n: seconds }) : text("saved.on_phone", { ref, title }),
      op,
    );
  } catch (error) {
    answered();
    tellFailure(state, error);
  } finally {
    submitter?.removeAttribute("aria-busy");
    state.saving = false;
  }
}

let plain: HTMLFormElement | null = null;

function submitPlainly(form: HTMLFormElement, submitter: HTMLElement | null): void {
  plain = form;
  try {
    form.requestSubmit(submitter && form.contains(submitter) ? submitter : undefined);
  } finally {
    plain = null;
  }
}

/** The one submit listener. In the capture phase, so that nothing else sees the event first. */
export function listenForSubmits(): void {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.matches("form[data-op]")) return;
      if (session.userId === null) return;
      if (plain === form && agreed(form, event.submitter)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (plain !== form) void save(form, event.submitter);
    },
    true,
  );
}

/** Makes a form that shows browser bubbles into one that explains itself at its fields. */
export function takeOver(form: HTMLFormElement): void {
  form.noValidate = true;
  setDays(form);
  // Drafts restore what is unsent. The browser would also restore what was sent, on going back (failure mode 67).
  form.autocomplete = "off";
  const hint = one(form, "[data-form-error]");
  if (hint) hint.setAttribute("role", "alert");
}
