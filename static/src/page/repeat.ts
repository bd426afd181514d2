import { all, type Control, one } from "./dom.ts";
import type { Fields } from "./form-data.ts";

function rowsOf(block: HTMLElement): HTMLElement[] {
  return all(block, "[data-row]").filter((row) => row.closest("[data-repeat]") === block);
}

/** Return the row numbers of a repeat in stored fields, without empty rows. */
export function keptRows(name: string, fields: Fields): number[] {
  const start = `${name}.`;
  const numbers = new Set<number>();
  for (const [field, value] of Object.entries(fields)) {
    const index = field.startsWith(start) ? /^\d+(?=\.)/.exec(field.slice(start.length)) : null;
    if (index && value !== "" && value.length > 0) numbers.add(Number(index[0]));
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Renumber the rows in stored fields from 0, as the server's messages count them. */
export function compactRows(name: string, fields: Fields): Fields {
  const rows = keptRows(name, fields);
  const start = `${name}.`;
  const compact: Fields = {};
  for (const [field, value] of Object.entries(fields)) {
    const match = field.startsWith(start) ? /^(\d+)(\..+)$/.exec(field.slice(start.length)) : null;
    if (!match) compact[field] = value;
    else {
      const index = rows.indexOf(Number(match[1]));
      if (index >= 0) compact[`${start}${index}${match[2]}`] = value;
    }
  }
  return compact;
}

function rename(row: HTMLElement, name: string, index: number): void {
  const dotted = new RegExp(`^${name.replaceAll(".", "\\.")}\\.\\d+(?=\\.)`);
  const dashed = new RegExp(`(^|[\\s-])${name.replaceAll(".", "-")}-\\d+(?=-)`, "g");
  for (const element of all(row, "*")) {
    for (const attribute of [...element.attributes]) {
      if (attribute.name === "name" || attribute.name === "data-show-when") {
        attribute.value = attribute.value.replace(dotted, `${name}.${index}`);
      } else if (/^(id|for|list|aria-.*)$/.test(attribute.name)) {
        attribute.value = attribute.value.replace(dashed, `$1${name.replaceAll(".", "-")}-${index}`);
      }
    }
  }
}

/** Renumber rows without gaps: the server's messages refer to rows by index. */
function renumber(block: HTMLElement): void {
  const rows = rowsOf(block);
  rows.forEach((row, index) => {
    rename(row, block.dataset.repeat ?? "", index);
    const remove = one<HTMLButtonElement>(row, "[data-remove-row]");
    if (remove) remove.disabled = rows.length <= Number(block.dataset.min ?? 0);
  });
  const add = one<HTMLButtonElement>(block, "[data-add-row]");
  if (add) add.disabled = rows.length >= Number(block.dataset.max ?? Number.POSITIVE_INFINITY);
}

function addRow(block: HTMLElement): HTMLElement | null {
  const template = one<HTMLTemplateElement>(block, "template[data-row-template]");
  const rows = rowsOf(block);
  if (!template || rows.length >= Number(block.dataset.max ?? Number.POSITIVE_INFINITY)) return null;
  const fragment = document.importNode(template.content, true);
  const row = fragment.firstElementChild as HTMLElement | null;
  if (!row) return null;
  for (const element of all(row, "*")) {
    for (const attribute of [...element.attributes]) {
      if (attribute.value.includes("__i__")) {
        attribute.value = attribute.value.replaceAll("__i__", String(rows.length));
      }
    }
  }
  if (!row.hasAttribute("data-row")) row.setAttribute("data-row", "");
  const last = rows.at(-1);
  if (last) last.after(row);
  else template.before(row);
  renumber(block);
  return row;
}

/** Add or remove rows to fit stored fields. */
export function setRows(form: HTMLFormElement, fields: Fields): void {
  for (const block of all(form, "[data-repeat]")) {
    const wanted = Math.max(keptRows(block.dataset.repeat ?? "", fields).length, Number(block.dataset.min ?? 0));
    while (rowsOf(block).length > wanted) rowsOf(block).at(-1)?.remove();
    while (rowsOf(block).length < wanted && addRow(block)) {
      // addRow returns null at the limit
    }
    renumber(block);
  }
}

const firstRows = new WeakMap<HTMLElement, HTMLElement[]>();

/** Restore the rows of the server's page; form.reset() restores their values. */
export function resetRows(form: HTMLFormElement): void {
  for (const block of all(form, "[data-repeat]")) {
    const first = firstRows.get(block);
    if (!first) continue;
    for (const row of rowsOf(block)) row.remove();
    const place = one(block, "template[data-row-template]");
    place?.before(...first.map((row) => row.cloneNode(true)));
    renumber(block);
  }
}

/** Fill neighbouring fields from the chosen option's `data-fill-*`, unless a person changed them. */
function fillNeighbours(form: HTMLFormElement, control: Control): void {
  const list = control instanceof HTMLInputElement ? control.list : null;
  const option =
    control instanceof HTMLSelectElement
      ? control.selectedOptions[0]
      : [...(list?.options ?? [])].find((one) => one.value === control.value);
  if (!option) return;
  const scope: HTMLElement = control.closest<HTMLElement>("[data-row]") ?? form;
  for (const attribute of option.attributes) {
    const field = /^data-fill-(.+)$/.exec(attribute.name)?.[1];
    if (!field) continue;
    const target = all<Control>(scope, "input[name],select[name],textarea[name]").find(
      // Attribute names are lower-cased by the parser.
      (one) => one.name.toLowerCase() === field || one.name.toLowerCase().endsWith(`.${field}`),
    );
    if (target && (target.value === "" || target.value === target.dataset.filled)) {
      target.value = attribute.value;
      target.dataset.filled = attribute.value;
    }
  }
}

/** Set up adding and removing rows; call `changed` after each. */
export function enhanceRepeats(form: HTMLFormElement, changed: () => void): void {
  for (const block of all(form, "[data-repeat]")) {
    while (rowsOf(block).length < Number(block.dataset.min ?? 0) && addRow(block)) {
      // see setRows
    }
    renumber(block);
    firstRows.set(
      block,
      rowsOf(block).map((row) => row.cloneNode(true) as HTMLElement),
    );
  }
  form.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-add-row],[data-remove-row]") : null;
    const block = button?.closest<HTMLElement>("[data-repeat]");
    if (!button || !block) return;
    if (button.matches("[data-add-row]")) {
      const row = addRow(block);
      if (row) one<Control>(row, "input:not([type=hidden]),select,textarea")?.focus();
    } else if (rowsOf(block).length > Number(block.dataset.min ?? 0)) {
      button.closest("[data-row]")?.remove();
      renumber(block);
      one<HTMLButtonElement>(block, "[data-add-row]")?.focus();
    }
    changed();
  });
  // Chosen before this script ran.
  for (const control of all<Control>(form, "select[name],input[list]")) fillNeighbours(form, control);
  form.addEventListener("change", (event) => {
    const target = event.target;
    if (target instanceof HTMLSelectElement || target instanceof HTMLInputElement) fillNeighbours(form, target);
  });
}
