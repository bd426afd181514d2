import { all, type Control, controlsOf, errorId, hide, one, reveal } from "./dom.ts";
import { hasText, text, type Vars } from "./texts.ts";

/** Keys of ValidityState in order of explanation. */
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

/** Return the first problem of a field, or null. */
export function problemOf(validity: { readonly [key in Problem]: boolean }): Problem | null {
  return KEYS.find((key) => validity[key]) ?? null;
}

/** Return the control's limits as variables for messages. */
export function limitsOf(read: (name: string) => string | null): Vars {
  const vars: Vars = {};
  for (const name of ["min", "max", "maxlength", "minlength", "step", "title"]) vars[name] = read(name) ?? "";
  return vars;
}

function messageSlot(form: HTMLFormElement, name: string): HTMLElement | null {
  return one(form, `#${CSS.escape(errorId(name))}`);
}

/** Show a message at the field. Return false if the page has no element for it. */
export function showProblem(form: HTMLFormElement, name: string, message: string): boolean {
  const where = messageSlot(form, name);
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
  const where = messageSlot(form, name);
  if (where) where.textContent = "";
  hide(where, true);
  for (const control of controlsOf(form)) {
    if (control.name.replace(/\[\]$/, "") === name.replace(/\[\]$/, "")) control.removeAttribute("aria-invalid");
  }
}

export function clearProblems(form: HTMLFormElement): void {
  for (const control of controlsOf(form)) if (control.name) clearProblem(form, control.name);
  for (const block of all(form, "[data-photos],[data-signature]")) clearBlockProblem(block);
}

/** Return the message element of a photo or signature block: inside it, or that of its input. */
export function blockError(block: HTMLElement): HTMLElement | null {
  const { role } = block.dataset;
  const name = role ? `photos.${role}` : (one<Control>(block, "input[name]")?.name ?? "photos");
  return one(block, "[data-block-error]") ?? document.getElementById(errorId(name));
}

export function showBlockProblem(block: HTMLElement, message: string): void {
  const where = blockError(block);
  if (where) where.textContent = message;
  hide(where, false);
  block.setAttribute("aria-invalid", "true");
}

export function clearBlockProblem(block: HTMLElement): void {
  const where = blockError(block);
  if (where) where.textContent = "";
  hide(where, true);
  block.removeAttribute("aria-invalid");
}

function messageFor(control: Control, problem: Problem): string {
  if (problem === "customError") return control.validationMessage;
  if (control.dataset.maxDays !== undefined && problem === "rangeOverflow") return text("invalid.future");
  if (control.dataset.minDays !== undefined && problem === "rangeUnderflow") return text("invalid.past");
  const fieldKey = `invalid.${control.name}.${problem}`;
  const vars = limitsOf((name) => control.getAttribute(name));
  if (problem === "stepMismatch") return text(`invalid.${Number(vars.step || 1) < 1 ? "decimals" : "whole"}`);
  return hasText(fieldKey) ? text(fieldKey, vars) : text(`invalid.${problem}`, vars);
}

/** Return the date `days` from today as a date input's value. */
export function dayFrom(days: number, now = new Date()): string {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

/**
 * Set date limits that are relative to today, as the page may be weeks old. The phone's clock or zone may be wrong, so use
 * the wider of its limits and the server's.
 */
export function setDateLimits(form: HTMLFormElement): void {
  for (const input of all<HTMLInputElement>(form, "[data-max-days],[data-min-days]")) {
    const { dataset } = input;
    const { minDays, maxDays } = dataset;
    dataset.pageMin ??= input.min;
    dataset.pageMax ??= input.max;
    if (minDays !== undefined) input.min = [dayFrom(Number(minDays)), dataset.pageMin].filter(Boolean).sort()[0] ?? "";
    if (maxDays !== undefined) input.max = [dayFrom(Number(maxDays)), dataset.pageMax].sort()[1] ?? "";
  }
}

/** Check rules without an HTML attribute: values that must differ, lists that need a choice. */
function checkGroups(form: HTMLFormElement): HTMLElement[] {
  const invalid: HTMLElement[] = [];
  const values = (name: string) => controlsOf(form).filter((control) => control.name === name);
  for (const control of all<Control>(form, "[data-differs]")) {
    const other = values(control.dataset.differs ?? "")[0];
    if (control.disabled || control.value === "" || control.value !== other?.value) continue;
    showProblem(form, control.name, text("invalid.differs"));
    invalid.push(control);
  }
  for (const block of all(form, "[data-least]")) {
    const name = block.dataset.least ?? "";
    const chosen = values(name).some((control) =>
      control instanceof HTMLInputElement && control.type === "checkbox" ? control.checked : control.value !== "",
    );
    if (chosen) clearProblem(form, name);
    else {
      showProblem(form, name, text("invalid.least"));
      invalid.push(values(name)[0] ?? block);
    }
  }
  return invalid;
}

function checkBlocks(form: HTMLFormElement): HTMLElement[] {
  const invalid: HTMLElement[] = [];
  for (const block of all(form, "[data-required]")) {
    if (block.closest("[hidden]")) continue;
    const isSignature = block.matches("[data-signature]");
    const filled = isSignature
      ? Boolean(one<HTMLInputElement>(block, "input[type=hidden]")?.value)
      : one(block, "[data-photo-list] > *") !== null;
    if (filled) clearBlockProblem(block);
    else {
      showBlockProblem(block, text(isSignature ? "invalid.signature" : "invalid.photo"));
      invalid.push(block);
    }
  }
  return invalid;
}

/** Validate the form. If it is invalid, show messages at the fields, focus the first and return false. */
export function validate(form: HTMLFormElement): boolean {
  const invalid: HTMLElement[] = [];
  const checked = new Set<string>();
  setDateLimits(form);
  for (const control of controlsOf(form)) {
    if (!control.name || checked.has(control.name)) continue;
    const problem = control.willValidate ? problemOf(control.validity) : null;
    if (!problem) {
      clearProblem(form, control.name);
      continue;
    }
    checked.add(control.name);
    invalid.push(control);
    showProblem(form, control.name, messageFor(control, problem));
  }
  invalid.push(...checkGroups(form), ...checkBlocks(form));
  invalid.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  const first = invalid[0];
  if (!first) return true;
  if (!first.matches("input,select,textarea")) first.tabIndex = -1;
  first.focus({ preventScroll: true });
  first.scrollIntoView({ block: "center" });
  return false;
}

/** Clear an invalid field's message once it is valid. */
export function recheck(form: HTMLFormElement, control: Control): void {
  if (control.getAttribute("aria-invalid") === "true" && !problemOf(control.validity)) clearProblem(form, control.name);
}

/** Show the server's messages at the fields; others in the form's `[data-form-error]`. */
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
