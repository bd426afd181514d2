import { all, type Control, controlsOf, isControl } from "./dom.ts";

/**
 * Evaluate a `data-show-when` rule. The server has the same function (fieldapp/platform/web/show_when.py);
 * tests/fixtures/show-when.json tests both.
 * `name=a|b` (one of), `name!=a|b` (none of), `name` (anything); several joined with `&`.
 * `read` returns the values of an enabled field.
 */
export function holds(rule: string, read: (name: string) => string[]): boolean {
  return rule.split("&").every((part) => {
    const match = /^\s*([^!=]+?)\s*(?:(!?=)(.*))?$/s.exec(part);
    if (!match) return false;
    const [, name = "", sign, list = ""] = match;
    const values = read(name).filter((value) => value !== "");
    if (!sign) return values.length > 0;
    const wanted = list.trim().split("|");
    const hit = values.some((value) => wanted.includes(value));
    return sign === "=" ? hit : !hit;
  });
}

function valuesIn(form: HTMLFormElement, name: string): string[] {
  return controlsOf(form)
    .filter((control) => control.name === name && !control.disabled)
    .flatMap((control) => {
      if (control instanceof HTMLInputElement && (control.type === "checkbox" || control.type === "radio")) {
        return control.checked ? [control.value] : [];
      }
      return [control.value];
    });
}

/** Hide and disable what does not apply; controls that the server disabled stay disabled. */
export function updateShowWhen(form: HTMLFormElement): void {
  for (const block of all(form, "[data-show-when]")) {
    const shown =
      !block.parentElement?.closest("[data-show-when][hidden]") &&
      holds(block.dataset.showWhen ?? "", (name) => valuesIn(form, name));
    block.hidden = !shown;
    block.removeAttribute("data-off"); // what the server hid until now
    for (const control of all<Control>(block, "input,select,textarea,button")) {
      if (!isControl(control) && !((control as unknown) instanceof HTMLButtonElement)) continue;
      if (control.disabled && control.dataset.hiddenOff === undefined) continue;
      const off = control.closest("[data-show-when][hidden]") !== null;
      control.disabled = off;
      if (off) control.dataset.hiddenOff = "";
      else delete control.dataset.hiddenOff;
    }
  }
}
