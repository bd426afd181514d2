import type { Json, JsonObject } from "../engine/types.ts";
import { type Control, controlsOf } from "./dom.ts";

/** A form's own names and values, as typed; what drafts keep. */
export type Fields = { [name: string]: string | string[] };
export type Pair = readonly [name: string, value: string];

interface Branch {
  children: Map<string, Branch>;
  value: string | string[] | null;
}

const branch = (): Branch => ({ children: new Map(), value: null });

/**
 * Dotted names become nested data. The server holds the same function for the path without JavaScript;
 * tests/fixtures/form-data.json keeps the two equal, so change neither alone.
 */
export function toData(pairs: Iterable<Pair>): JsonObject {
  const root = branch();
  for (const [name, raw] of pairs) {
    // Browsers send CRLF in multipart bodies but LF in scripts: one spelling, so that both paths hash alike.
    const value = raw.replace(/\r\n?/g, "\n");
    const many = name.endsWith("[]");
    const path = (many ? name.slice(0, -2) : name).split(".");
    if (value === "" || path.some((part) => part === "" || part.startsWith("_"))) continue;
    let at = root;
    for (const part of path) {
      let next = at.children.get(part);
      if (!next) {
        next = branch();
        at.children.set(part, next);
      }
      at = next;
    }
    if (!many) at.value = value;
    else if (Array.isArray(at.value)) at.value.push(value);
    else at.value = [value];
  }
  return objectOf(root);
}

function objectOf(from: Branch): JsonObject {
  const object: JsonObject = {};
  for (const [key, child] of from.children) {
    const value = jsonOf(child);
    if (value !== undefined) object[key] = value;
  }
  return object;
}

function jsonOf(from: Branch): Json | undefined {
  if (from.value !== null) return from.value;
  const keys = [...from.children.keys()];
  if (keys.length === 0) return undefined;
  if (!keys.every((key) => /^\d+$/.test(key))) return objectOf(from);
  // Rows that were removed on the page leave gaps in the numbers; the record has none.
  return keys
    .sort((a, b) => Number(a) - Number(b))
    .map((key) => jsonOf(from.children.get(key) ?? branch()))
    .filter((value): value is Json => value !== undefined);
}

function isButton(control: Control): boolean {
  return (
    control instanceof HTMLInputElement &&
    ["file", "submit", "button", "image", "reset", "password"].includes(control.type)
  );
}

function isChoice(control: Control): control is HTMLInputElement {
  return control instanceof HTMLInputElement && (control.type === "checkbox" || control.type === "radio");
}

function valuesOf(control: Control): string[] {
  if (isChoice(control)) return control.checked ? [control.value] : [];
  if (control instanceof HTMLSelectElement) return [...control.selectedOptions].map((option) => option.value);
  return [control.value];
}

/** What is sent: enabled fields only, the pressed button included, files never. */
export function pairsOf(form: HTMLFormElement, submitter: HTMLElement | null = null): Pair[] {
  const pairs: Pair[] = [];
  for (const control of controlsOf(form)) {
    if (!control.name || isButton(control) || control.matches(":disabled")) continue;
    for (const value of valuesOf(control)) pairs.push([control.name, value]);
  }
  if ((submitter instanceof HTMLButtonElement || submitter instanceof HTMLInputElement) && submitter.name) {
    pairs.push([submitter.name, submitter.value]);
  }
  return pairs;
}

/** What is kept: also fields that are hidden just now, so that switching back finds them again. */
export function fieldsOf(form: HTMLFormElement): Fields {
  const fields: Fields = {};
  // What the person saw of the record belongs to what they typed: the page may be a newer one when both come back.
  if (form.dataset.base) fields._base = form.dataset.base;
  for (const control of controlsOf(form)) {
    const { name } = control;
    if (!name || name.startsWith("_") || isButton(control)) continue;
    for (const value of valuesOf(control)) {
      const before = fields[name];
      if (name.endsWith("[]")) fields[name] = [...(Array.isArray(before) ? before : []), value];
      else fields[name] = value;
    }
  }
  return fields;
}

/** What was typed before anybody listened: a slow phone shows the form long before the script runs. */
export function typedEarly(form: HTMLFormElement): Fields {
  const fields: Fields = {};
  for (const control of controlsOf(form)) {
    if (!control.name || control.name.endsWith("[]") || isButton(control)) continue;
    if (control instanceof HTMLSelectElement || isChoice(control)) continue;
    // A hidden input does not remember what the server's page said; a signature says itself that it is new.
    const early = control.type === "hidden" ? control.dataset.early === "" : control.value !== control.defaultValue;
    if (early) fields[control.name] = control.value;
  }
  return fields;
}

/** Puts kept values back. Hidden inputs belong to the server's page, except signatures and rows made here. */
export function fillForm(form: HTMLFormElement, fields: Fields): void {
  if (typeof fields._base === "string") form.dataset.base = fields._base;
  for (const control of controlsOf(form)) {
    const { name } = control;
    if (!name || name.startsWith("_") || isButton(control)) continue;
    if (control.type === "hidden" && !control.closest("[data-signature],[data-row]")) continue;
    const kept = fields[name];
    const values = kept === undefined ? [] : Array.isArray(kept) ? kept : [kept];
    if (isChoice(control)) control.checked = values.includes(control.value);
    else if (control instanceof HTMLSelectElement && control.multiple) {
      for (const option of control.options) option.selected = values.includes(option.value);
    } else if (name.endsWith("[]")) control.value = values.shift() ?? "";
    else if (values[0] !== undefined) control.value = values[0];
  }
}
