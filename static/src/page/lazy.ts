/** Modules that few pages need, in one chunk: separate chunks would make the first visit larger. */

export { fillAges } from "./ago.ts";
export { awaitRefusal, openDraft, watchRefusals } from "./refusal.ts";
export { guardTaps } from "./tap-guard.ts";
export { updateDecisions } from "./undo-buttons.ts";
