import type { Engine } from "../engine/types.ts";
import { prepareForm } from "./capture.ts";
import { all, isControl, one } from "./dom.ts";
import { attachDraft, type FormState, markChanged, saveNow, stateOf } from "./draft.ts";
import { warmPosition } from "./position.ts";
import { enhanceRepeats } from "./repeat.ts";
import { disableStorage } from "./session.ts";
import { updateShowWhen } from "./show-when.ts";
import { text } from "./texts.ts";
import { recheck, showBlockProblem } from "./validate.ts";

const enhanced = new WeakSet<HTMLFormElement>();
const enhancedEarly = new WeakSet<HTMLFormElement>();

/** Return whether this block takes photos shared by other apps (shared-files.ts); corrections do not. */
function acceptsShared(block: HTMLElement): boolean {
  return location.pathname === "/expenses/new" && !location.hash && block.dataset.role === "receipt";
}

/** Listen for files before the photo module is loaded. */
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
    state.busy = state.busy.then(() => work).catch(() => showBlockProblem(block, text("photo.failed")));
  };
  input.addEventListener("click", () => {
    // Phones may kill the browser while the camera is open.
    void saveNow(state, true);
  });
  input.addEventListener("change", take);
  // Files chosen before the stores were open.
  take();
  if (acceptsShared(block)) {
    const work = ready.then(async (photos) => {
      const { takeShared } = await import("./shared-files.ts");
      for await (const file of takeShared(caches, state.engine.userId)) await photos.add([file]);
    });
    state.busy = state.busy.then(() => work).catch(() => showBlockProblem(block, text("photo.failed")));
  }
}

function enhanceSignature(block: HTMLElement, form: HTMLFormElement): void {
  import("./signature.ts")
    .then(({ attachSignature }) => attachSignature(block, form))
    .catch(() => showBlockProblem(block, text("signature.failed")));
}

/** Set up what works without the stores, so that the form responds at once. */
function enhanceWithoutStore(form: HTMLFormElement): void {
  if (enhancedEarly.has(form)) return;
  enhancedEarly.add(form);
  const changed = () => {
    updateShowWhen(form);
    const state = stateOf(form);
    if (state) markChanged(state);
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
  enhanced.add(form);
  if (engine) prepareForm(form);
  enhanceWithoutStore(form);
  if (!engine) return;
  if (form.hasAttribute("data-position")) void warmPosition();
  // Update the form of a cached page (ADR 28); if the module cannot be loaded, it works as rendered.
  if (form.dataset.knows)
    await import("./stale-forms.ts").then(({ bringUpToDate }) => bringUpToDate(form, engine)).catch(() => {});
  const state = await attachDraft(form, engine);
  for (const block of all(form, "[data-photos]")) enhancePhotos(block, state);
}

/** Set up all forms before the stores are open. */
export function enhanceEarly(root: ParentNode): void {
  for (const form of all<HTMLFormElement>(root, "form[data-op]")) enhanceWithoutStore(form);
}

/** Set up all forms below `root`; idempotent. Without an engine nothing is stored. */
export function enhance(root: ParentNode, engine: Engine | null): void {
  if (one(root, "time[data-ago]")) void import("./lazy.ts").then((lazy) => lazy.fillAges());
  for (const form of all<HTMLFormElement>(root, "form[data-op]")) {
    if (!enhanced.has(form)) enhanceForm(form, engine).catch(disableStorage);
  }
}
