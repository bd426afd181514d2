/** What is not needed on most pages, loaded together: one file more costs the first visit more than it saves. */
export { fillAges } from "./ago.ts";
export { showDecided } from "./decided.ts";
export { guardMoves } from "./guard.ts";
export { openDraft, refusedSoon, watchRefusals } from "./refusal.ts";
