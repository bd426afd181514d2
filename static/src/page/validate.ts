import { all, type Control, controlsOf, errorId, hide, one, reveal } from "./dom.ts";
import { has, text, type Vars } from "./texts.ts";

/** The part of ValidityState that can be named; in the order in which one would explain it. */
const KEYS = [
  "badInput",
  "valueMissing",
  "typeMismatch",
  "patternMismatch",
  "tooLong",
  "tooShort",
  "rangeUnderflow",
  "rangeOverflow",
  "stepMismatch",
  "customError",
] as const;
export type Problem = (typeof KEYS)[number];

/** The one thing to say about a field, or null when it is fine. */
export function problemOf(validity: { readonly [key in Problem]: boolean }): Problem | null {
  return KEYS.find((key) => validity[key]) ?? null;
}

/** The limits a message may quote, read from the control's own attributes. */
export function limitsOf(read: (name: string) => string | null): Vars {
  const vars: Vars = {};
  for (const name of ["min", "max", "maxlength", "minlength", "step", "title"]) vars[name] = read(name) ?? "";
  return vars;
}

function place(form: HTMLFormElement, name: string): HTMLElement | null {
  return one(form, `#${CSS.escape(errorId(name))}`);
}

/** Says what is wrong at the field; returns false when the page has no place for it. */
export function showProblem(form: HTMLFormElement, name: string, message: string): boolean {
  const where = place(form, name);
  if (!where) return false;
  where.textContent = message;
  hide(where, false);
  reveal(where);
  for (const control of controlsOf(form)) {
    if (control.name.replace(/\[\]$/, "") !== name.replace(/\[\]$/, "")) continue;
    control.setAttribute("aria-invalid", "true");
    const described = new Set((control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    control.setAttribute("aria-describedby", [...described.add(where.id)].join(" "));
  }
  return true;
}

export function clearProblem(form: HTMLFormElement, name: string): void {
  const where = place(form, name);
  if (where) where.textContent = "";
  hide(where, true);
  for (const control of controlsOf(form)) {
    if (control.name.replace(/\[\]$/, "") === name.replace(/\[\]$/, "")) control.removeAttribute("aria-invalid");
  }
}

export function clearProblems(form: HTMLFormElement): void {
  for (const control of controlsOf(form)) if (control.name) clearProblem(form, control.name);
  for (const block of all(form, "[data-photos],[data-signature]")) clearBlock(block);
}

/** Photo and signature blocks keep their message inside themselves or at their input's place. */
export function blockError(block: HTMLElement): HTMLElement | null {
  const { role } = block.dataset;
  const name = role ? `photos.${role}` : (one<Control>(block, "input[name]")?.name ?? "photos");
  return one(block, "[data-block-error]") ?? document.getElementById(errorId(name));
}

export function showBlock(block: HTMLElement, message: string): void {
  const where = blockError(block);
  if (where) where.textContent = message;
  hide(where, false);
  block.setAttribute("aria-invalid", "true");
}

export function clearBlock(block: HTMLElement): void {
  const where = blockError(block);
  if (where) where.textContent = "";
  hide(where, true);
  block.removeAttribute("aria-invalid");
}

function messageFor(control: Control, problem: Problem): string {
  if (problem === "customError") return control.validationMessage;
  if (control.dataset.maxDays !== undefined && problem === "rangeOverflow") return text("invalid.future");
  if (control.dataset.minDays !== undefined && problem === "rangeUnderflow") return text("invalid.past");
  const own = `invalid.${control.name}.${problem}`;
  const vars = limitsOf((name) => control.getAttribute(name));
  if (problem === "stepMismatch") return text(`invalid.${Number(vars.step || 1) < 1 ? "decimals" : "whole"}`);
  return has(own) ? text(own, vars) : text(`invalid.${problem}`, vars);
}

/** A day so many days from today, as date fields have it. */
export function dayFrom(days: number, now = new Date()): string {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

/**
 * Limits in days count from the day of writing: the page may have been kept for weeks. The phone's clock or its zone may
 * be wrong, too: only a day outside by its clock and by the limits the server wrote is refused here.
 */
export function setDays(form: HTMLFormElement): void {
  for (const input of all<HTMLInputElement>(form, "[data-max-days],[data-min-days]")) {
    const { dataset } = input;
    const { minDays, maxDays } = dataset;
    dataset.pageMin ??= input.min;
    dataset.pageMax ??= input.max;
    if (minDays !== undefined) input.min = [dayFrom(Number(minDays)), dataset.pageMin].filter(Boolean).sort()[0] ?? "";
    if (maxDays !== undefined) input.max = [dayFrom(Number(maxDays)), dataset.pageMax].sort()[1] ?? "";
  }
}

/** What no attribute of HTML says: two people who must not be the same, a list from which something is to be chosen. */
function checkTogether(form: HTMLFormElement): HTMLElement[] {
  const bad: HTMLElement[] = [];
  const values = (name: string) => controlsOf(form).filter((control) => control.name === name);
  for (const control of all<Control>(form, "[data-differs]")) {
    const other = values(control.dataset.differs ?? "")[0];
    if (control.disabled || control.value === "" || control.value !== other?.value) continue;
    showProblem(form, control.name, text("invalid.differs"));
    bad.push(control);
  }
  for (const block of all(form, "[data-least]")) {
    const name = block.dataset.least ?? "";
    const chosen = values(name).some((control) =>
      control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value !== "",
    );
    if (chosen) clearProblem(form, name);
    else {
      showProblem(form, name, text("invalid.least"));
      bad.push(values(name)[0] ?? block);
    }
  }
  return bad;
}

function checkBlocks(form: HTMLFormElement): HTMLElement[] {
  const bad: HTMLElement[] = [];
  for (const block of all(form, "[data-required]")) {
    if (block.closest("[hidden]")) continue;
    const isSignature = block.matches("[data-signature]");
    const filled = isSignature
      ? Boolean(one<HTMLInputElement>(block, "input[type=hidden]")?.value)
      : one(block, "[data-photo-list] > *") !== null;
    if (filled) clearBlock(block);
    else {
      showBlock(block, text(isSignature ? "invalid.signature" : "invalid.photo"));
      bad.push(block);
    }
  }
  return bad;
}

/** True when the form may be saved. Otherwise every problem stands at its field and the first has the focus. */
export function validate(form: HTMLFormElement): boolean {
  const bad: HTMLElement[] = [];
  const told = new Set<string>();
  setDays(form);
  for (const control of controlsOf(form)) {
    if (!control.name || told.has(control.name)) continue;
    const problem = control.willValidate ? problemOf(control.validity) : null;
    if (!problem) {
      clearProblem(form, control.name);
      continue;
    }
    told.add(control.name);
    bad.push(control);
    showProblem(form, control.name, messageFor(control, problem));
  }
  bad.push(...checkTogether(form), ...checkBlocks(form));
  bad.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  const first = bad[0];
  if (!first) return true;
  if (!first.matches("input,select,textarea")) first.tabIndex = -1;
  first.focus({ preventScroll: true });
  first.scrollIntoView({ block: "center" });
  return false;
}

/** A field that was wrong is looked at again while it is being put right. */
export function recheck(form: HTMLFormElement, control: Control): void {
  if (control.getAttribute("aria-invalid") === "true" && !problemOf(control.validity)) clearProblem(form, control.name);
}

/** The server's words, at their fields; what has no field goes to the form's `[data-form-error]`. */
export function showServerProblems(form: HTMLFormElement, problems: { [field: string]: string[] }): void {
  const rest: string[] = [];
  for (const [field, messages] of Object.entries(problems)) {
    const message = messages.join(" ");
    if (!showProblem(form, field, message)) rest.push(message);
  }
  const where = one(form, "[data-form-error]");
  if (where) where.textContent = rest.join(" ");
  hide(where, rest.length === 0);
}
