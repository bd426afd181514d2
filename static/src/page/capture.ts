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
import { address, type FormState, lockButtons, resetForm, showAlreadySubmitted, stateOf, titleOf } from "./draft.ts";
import { deleteEmergencyDraft } from "./emergency-draft.ts";
import { flashNext, toast } from "./flash.ts";
import { fieldsOf, pairsOf, toData } from "./form-data.ts";
import { summaryOf } from "./form-summary.ts";
import { positionData } from "./position.ts";
import { banner, disableStorage, session } from "./session.ts";
import { isServerReachable } from "./shell.ts";
import { text } from "./texts.ts";
import { leavingSoon } from "./touch.ts";
import { setDateLimits, validate } from "./validate.ts";

/** Event on `document` after a record was stored. */
export const CAPTURED = "fieldapp:captured";

function parseAggregate(value: string): Aggregate {
  const at = value.indexOf(":");
  return [value.slice(0, at), value.slice(at + 1)];
}

/** Return type and id of the record. A correction keeps the id of the record it replaces, so that references stay valid. */
async function aggregateOf(state: FormState): Promise<{ agg: Aggregate; isNew: boolean }> {
  const { agg, aggNew } = state.form.dataset;
  if (agg) return { agg: parseAggregate(agg), isNew: false };
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
const PHOTOS_TIMEOUT_MS = 90_000;

/** Wait for the photos. Throws if one fails: the author meant to send it. */
async function awaitPhotos(form: HTMLFormElement, busy: Promise<unknown>): Promise<void> {
  const invalidCount = () => all(form, "[data-photos][aria-invalid]").length;
  const before = invalidCount();
  const timer = pause(PHOTOS_TIMEOUT_MS).then(() => true);
  if ((await Promise.race([busy.then(() => false), timer])) || invalidCount() > before) throw new Error("photos");
}

/** Capture the form as a record; resolve once both stores have it. */
async function captureForm(state: FormState, submitter: HTMLElement | null): Promise<{ op: string; ref: string }> {
  const { form, engine } = state;
  const fields = fieldsOf(form);
  const data = toData(pairsOf(form, submitter));
  if (form.hasAttribute("data-position")) Object.assign(data, await positionData());
  const { agg, isNew } = await aggregateOf(state);
  if (isNew) data.id = agg[1];
  await awaitPhotos(form, state.busy);
  // The record replaces the draft: a running save must end first.
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
    words: summaryOf(form),
    supersedes: state.supersedes,
    hold: Number(form.dataset.undo ?? 0) * 1000,
  });
}

/** Return false where the next page would be the browser's error page: no network and no service worker. */
function canLeave(): boolean {
  return navigator.onLine !== false || Boolean(navigator.serviceWorker?.controller);
}

/** Call `then` after the next paint; a hidden page does not paint, so at most 100 ms later. */
function afterPaint(then: () => void): void {
  const timer = setTimeout(then, 100);
  requestAnimationFrame(() => {
    clearTimeout(timer);
    setTimeout(then);
  });
}

/** How long to wait for the unsent count to be written before navigation. */
const COUNTS_WAIT_MS = 500;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function isThisPage(done: string): boolean {
  const { pathname, search } = new URL(done, location.href);
  return pathname + search === address();
}

/** Navigate. The next page restores this page's holds. */
function navigateTo(done: string, engine: Engine): void {
  leavingSoon();
  session.isNavigating = true;
  afterPaint(() => void Promise.race([engine.noted(), pause(COUNTS_WAIT_MS)]).then(() => location.assign(done)));
}

async function afterSaved(state: FormState, message: string, id: string | null): Promise<void> {
  const { engine, form } = state;
  markClean(form);
  if (state.key) deleteEmergencyDraft(engine.userId, state.key);
  document.dispatchEvent(new CustomEvent(CAPTURED));
  const { done, quiet } = form.dataset;
  const showsToast = quiet === undefined;
  // Here at once, and again on the next page, which may take long to load.
  if (showsToast) toast(message, id);
  const leaves = done && !isThisPage(done) && canLeave();
  // A held record is not sent yet, so there is no result to wait for.
  if (id && !form.dataset.undo && leaves && ["online", "unknown"].includes(engine.link())) {
    // If this fails, the next page shows the refusal.
    const refused = import("./lazy.ts").then(({ awaitRefusal }) => awaitRefusal(engine, id, state));
    if (await refused.catch(() => false)) return;
  }
  if (leaves) {
    if (showsToast) flashNext(message, id);
    state.closed = true;
    return navigateTo(done, engine);
  }
  if (state.key) await resetForm(state);
  // Usually a pending piece replaces the button; else a tap after this time is intended.
  setTimeout(() => lockButtons(form, false), 1500);
}

function showFailure(state: FormState, error: unknown): void {
  state.changed = true;
  lockButtons(state.form, false);
  if (error instanceof AlreadySubmitted) {
    markClean(state.form);
    showAlreadySubmitted(state, error.at);
    toast(text("draft.already_sent_short"));
  } else if (error instanceof StorageFull && error.stored) {
    // In one store instead of two: say so, but do not ask to submit again.
    banner(text("storage.full_saved"));
    void afterSaved(state, text("saved.one_store"), null);
  } else if (error instanceof StorageFull) banner(text("storage.no_room"));
  else if (error instanceof StorageUnavailable) {
    disableStorage(error);
    // The write may still be committed and sent: do not allow a second submit.
    if (error.unsure) lockButtons(state.form, true);
  } else banner(text("storage.failed"));
}

/** Ask for confirmation where the form or button requires it. */
function isConfirmed(form: HTMLFormElement, submitter: HTMLElement | null): boolean {
  const question = submitter?.dataset.confirm ?? form.dataset.confirm;
  return !question || confirm(question);
}

/** After this time a banner says that saving takes long. */
const SLOW_SAVE_MS = 3000;

async function save(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  let isBannerShown = false;
  const timer = setTimeout(() => {
    isBannerShown = true;
    banner(text("storage.waiting"));
  }, SLOW_SAVE_MS);
  const clearWaitingBanner = () => {
    clearTimeout(timer);
    if (isBannerShown) banner("");
    isBannerShown = false;
  };
  try {
    await saveAndReport(form, submitter, clearWaitingBanner);
  } finally {
    clearWaitingBanner();
  }
}

async function saveAndReport(
  form: HTMLFormElement,
  submitter: HTMLElement | null,
  clearWaitingBanner: () => void,
): Promise<void> {
  const engine = await session.ready;
  if (!engine || session.broken) {
    const isReachable = await isServerReachable();
    clearWaitingBanner();
    if (isReachable) submitNatively(form, submitter);
    else banner(text("storage.no_way"));
    return;
  }
  const state = stateOf(form);
  // The form is not set up yet: try again soon.
  if (!state) return void setTimeout(() => save(form, submitter), 30);
  await state.ready;
  if (state.saving || state.closed) return;
  state.saving = true;
  try {
    const skip = submitter instanceof HTMLButtonElement && submitter.formNoValidate;
    if (!skip && !validate(form)) return;
    if (!isConfirmed(form, submitter)) return;
    lockButtons(form, true);
    banner(""); // of an earlier try
    submitter?.setAttribute("aria-busy", "true");
    const { op, ref } = await captureForm(state, submitter);
    clearWaitingBanner();
    const seconds = form.dataset.undo;
    const title = titleOf(form);
    await afterSaved(
      state,
      seconds ? text("undo.said", { title, n: seconds }) : text("saved.on_phone", { ref, title }),
      op,
    );
  } catch (error) {
    clearWaitingBanner();
    showFailure(state, error);
  } finally {
    submitter?.removeAttribute("aria-busy");
    state.saving = false;
  }
}

let nativelySubmitted: HTMLFormElement | null = null;

function submitNatively(form: HTMLFormElement, submitter: HTMLElement | null): void {
  nativelySubmitted = form;
  try {
    form.requestSubmit(submitter && form.contains(submitter) ? submitter : undefined);
  } finally {
    nativelySubmitted = null;
  }
}

/** Listen for submits in the capture phase, before any other listener. */
export function listenForSubmits(): void {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.matches("form[data-op]")) return;
      if (session.userId === null) return;
      if (nativelySubmitted === form && isConfirmed(form, event.submitter)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (nativelySubmitted !== form) void save(form, event.submitter);
    },
    true,
  );
}

/** Replace the browser's validation messages by our own at the fields. */
export function prepareForm(form: HTMLFormElement): void {
  form.noValidate = true;
  setDateLimits(form);
  // On going back the browser would also restore what was sent; drafts restore only what was not (failure mode 67).
  form.autocomplete = "off";
  const hint = one(form, "[data-form-error]");
  if (hint) hint.setAttribute("role", "alert");
}
