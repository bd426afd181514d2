import type { Engine } from "../engine/types.ts";
import { takeOver } from "./capture.ts";
import { all, isControl, one } from "./dom.ts";
import { attachDraft, type FormState, saveNow, stateOf, touch } from "./draft.ts";
import { warmPosition } from "./position.ts";
import { enhanceRepeats } from "./repeat.ts";
import { giveUpStoring } from "./session.ts";
import { updateShowWhen } from "./show-when.ts";
import { text } from "./texts.ts";
import { recheck, showBlock } from "./validate.ts";

const seen = new WeakSet<HTMLFormElement>();
const dressed = new WeakSet<HTMLFormElement>();

/** Where another app shares a photo to (share-box.ts); a refused record that is corrected here takes none. */
function takesShared(block: HTMLElement): boolean {
  return location.pathname === "/expenses/new" && !location.hash && block.dataset.role === "receipt";
}

/** Listens before the code is there, so that a quick hand loses nothing. */
function enhancePhotos(block: HTMLElement, state: FormState): void {
  const code = import("./photos.ts");
  const ready = code.then(({ attachPhotos }) => attachPhotos(block, state));
  state.busy = state.busy.then(() => ready).catch(() => {});
  const input = one<HTMLInputElement>(block, "input[type=file]");
  if (!input) return;
  const take = () => {
    const files = [...(input.files ?? [])];
    if (files.length === 0) return;
    const work = ready.then((photos) => {
      input.value = "";
      return photos.add(files);
    });
    state.busy = state.busy.then(() => work).catch(() => showBlock(block, text("photo.failed")));
  };
  input.addEventListener("click", () => {
    // Phones kill the browser behind the camera.
    void saveNow(state, true);
  });
  input.addEventListener("change", take);
  // Chosen while the stores were still being opened.
  take();
  if (takesShared(block)) {
    const work = ready.then(async (photos) => {
      const { takeShared } = await import("./share-box.ts");
      for await (const file of takeShared(caches, state.engine.userId)) await photos.add([file]);
    });
    state.busy = state.busy.then(() => work).catch(() => showBlock(block, text("photo.failed")));
  }
}

function enhanceSignature(block: HTMLElement, form: HTMLFormElement): void {
  import("./signature.ts")
    .then(({ attachSignature }) => attachSignature(block, form))
    .catch(() => showBlock(block, text("signature.failed")));
}

/** What needs no store works from the first moment: a quick hand must find its buttons alive. */
function dressForm(form: HTMLFormElement): void {
  if (dressed.has(form)) return;
  dressed.add(form);
  const changed = () => {
    updateShowWhen(form);
    const state = stateOf(form);
    if (state) touch(state);
  };
  enhanceRepeats(form, changed);
  for (const block of all(form, "[data-signature]")) enhanceSignature(block, form);
  updateShowWhen(form);
  form.addEventListener("input", (event) => {
    updateShowWhen(form);
    if (isControl(event.target)) recheck(form, event.target);
  });
  form.addEventListener("change", (event) => {
    updateShowWhen(form);
    if (isControl(event.target)) recheck(form, event.target);
  });
}

async function enhanceForm(form: HTMLFormElement, engine: Engine | null): Promise<void> {
  seen.add(form);
  if (engine) takeOver(form);
  dressForm(form);
  if (!engine) return;
  if (form.hasAttribute("data-position")) void warmPosition();
  // A kept form is brought up to what this phone knows (ADR 28); as it was drawn it works, too.
  if (form.dataset.knows) await import("./knows.ts").then(({ bringUp }) => bringUp(form, engine)).catch(() => {});
  const state = await attachDraft(form, engine);
  for (const block of all(form, "[data-photos]")) enhancePhotos(block, state);
}

/** The forms of a page as soon as the script runs, before any store is open. */
export function dress(root: ParentNode): void {
  for (const form of all<HTMLFormElement>(root, "form[data-op]")) dressForm(form);
}

/** Looks after every form of the outbox below `root`; safe to call again. Without an engine nothing is kept. */
export function enhance(root: ParentNode, engine: Engine | null): void {
  if (one(root, "time[data-ago]")) void import("./acts.ts").then((acts) => acts.fillAges());
  for (const form of all<HTMLFormElement>(root, "form[data-op]")) {
    if (!seen.has(form)) enhanceForm(form, engine).catch(giveUpStoring);
  }
}
