import type { Json, JsonObject } from "../engine/types.ts";
import { type Control, controlsOf } from "./dom.ts";

/** Control names and values of a form, as stored in drafts. */
export type Fields = { [name: string]: string | string[] };
export type Pair = readonly [name: string, value: string];

interface Branch {
  children: Map<string, Branch>;
  value: string | string[] | null;
}

const branch = (): Branch => ({ children: new Map(), value: null });

/**
 * Convert dotted names to nested data. The server has the same function for forms without JavaScript;
 * tests/fixtures/form-data.json tests both, so change them together.
 */
export function toData(pairs: Iterable<Pair>): JsonObject {
  const root = branch();
  for (const [name, raw] of pairs) {
    // Browsers send CRLF in multipart bodies but LF in scripts: normalize, so that both hash alike.
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
  // Rows removed on the page leave gaps in the numbers.
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

/** Return what is submitted: enabled controls and the pressed button, without files. */
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

/** Return what a draft stores: also disabled fields, so that switching back restores them. */
export function fieldsOf(form: HTMLFormElement): Fields {
  const fields: Fields = {};
  // Store the base with the input: the draft may be loaded on a newer page.
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

/** Return what was typed before the script ran. */
export function typedEarly(form: HTMLFormElement): Fields {
  const fields: Fields = {};
  for (const control of controlsOf(form)) {
    if (!control.name || control.name.endsWith("[]") || isButton(control)) continue;
    if (control instanceof HTMLSelectElement || isChoice(control)) continue;
    // A hidden input has no separate default value; the signature module marks an early one.
    const early = control.type === "hidden" ? control.dataset.early === "" : control.value !== control.defaultValue;
    if (early) fields[control.name] = control.value;
  }
  return fields;
}

/** Fill the form from a draft. Hidden inputs keep the page's values, except in signatures and rows. */
export function fillForm(form: HTMLFormElement, fields: Fields): void {
  if (typeof fields._base === "string") form.dataset.base = fields._base;
  for (const control of controlsOf(form)) {
    const { name } = control;
    if (!name || name.startsWith("_") || isButton(control)) continue;
    if (control.type === "hidden" && !control.closest("[data-signature],[data-row]")) continue;
    const stored = fields[name];
    const values = stored === undefined ? [] : Array.isArray(stored) ? stored : [stored];
    if (isChoice(control)) control.checked = values.includes(control.value);
    else if (control instanceof HTMLSelectElement && control.multiple) {
      for (const option of control.options) option.selected = values.includes(option.value);
    } else if (name.endsWith("[]")) control.value = values.shift() ?? "";
    else if (values[0] !== undefined) control.value = values[0];
  }
}
