import type { Engine, Op } from "../engine/types.ts";
import {
  type Choice,
  type Choices,
  conflictOf,
  type DisputedField,
  reopenedFields,
  resolve,
} from "./conflict-rules.ts";
import { all, cloneTemplate, controlsOf, errorId, hide, one } from "./dom.ts";
import { type FormState, markChanged, RESTORED } from "./draft.ts";
import { type Fields, fillForm } from "./form-data.ts";
import { text } from "./texts.ts";

function choicesOf(card: HTMLElement): Choices {
  const choices: Choices = {};
  for (const radio of all<HTMLInputElement>(card, "input:checked")) {
    choices[radio.dataset.field ?? ""] = radio.value as Choice;
  }
  return choices;
}

function fieldOf(template: HTMLTemplateElement, op: Op, disputed: DisputedField): HTMLElement | null {
  const item = cloneTemplate(template);
  if (!item) return null;
  const slots: { [slot: string]: string } = {
    label: disputed.label,
    words: disputed.words,
    mine: disputed.mine_words,
    theirs: disputed.theirs_words,
  };
  for (const slot of all(item, "[data-slot]")) slot.textContent = slots[slot.dataset.slot ?? ""] ?? "";
  for (const radio of all<HTMLInputElement>(item, "input")) {
    radio.name = `${op.op}:${disputed.name}`;
    radio.dataset.field = disputed.name;
  }
  return item;
}

/** Capture the decision as a new record that supersedes `op`. Return its reference, or null if a choice is missing. */
export async function sendDecision(card: HTMLElement, op: Op, engine: Engine): Promise<string | null> {
  const conflict = conflictOf(op);
  const choices = choicesOf(card);
  if (!conflict || Object.keys(choices).length < conflict.disputed.length) return null;
  const { kind, agg, title, url } = op;
  const rest = resolve(op, conflict, choices);
  return (await engine.capture({ kind, agg, title, url, ...rest, draftKey: null, supersedes: op.op })).ref;
}

/** Show both values of every disputed field with a choice. The card is built once and survives rendering. */
export async function showConflictCard(item: HTMLElement, op: Op, engine: Engine): Promise<void> {
  const card = one(item, "[data-conflict]");
  const template = one<HTMLTemplateElement>(document, "template[data-conflict-field]");
  const conflict = conflictOf(op);
  if (!card || !template) return;
  // While a correction is open the decision is made in its form, or what was typed there would be lost.
  const inForm = (await engine.drafts.list()).some((draft) => draft.supersedes === op.op);
  hide(card, !conflict || inForm);
  // The card shows the same by field.
  if (conflict && !inForm) hide(one(item, "[data-slot=problems]"), true);
  if (!conflict || card.dataset.met === op.op) return;
  card.dataset.met = op.op;
  const items = conflict.disputed.map((disputed) => fieldOf(template, op, disputed)).filter((item) => item !== null);
  one(card, "[data-conflict-fields]")?.replaceChildren(...items);
  const button = one<HTMLButtonElement>(card, "[data-act=decide]");
  if (!button) return;
  button.disabled = true;
  card.addEventListener("change", () => {
    button.disabled = Object.keys(choicesOf(card)).length < conflict.disputed.length;
  });
}

function setField(form: HTMLFormElement, name: string, value: DisputedField["mine"]): void {
  fillForm(form, { [name]: value === null ? "" : String(value) });
  const control = controlsOf(form).find((one) => one.name === name);
  control?.dispatchEvent(new Event("change", { bubbles: true }));
}

function choiceRow(form: HTMLFormElement, disputed: DisputedField): void {
  const slot = one(form, `#${CSS.escape(errorId(disputed.name))}`);
  if (!slot) return;
  slot.textContent = disputed.words;
  hide(slot, false);
  const row = document.createElement("div");
  row.className = "row";
  for (const choice of ["mine", "theirs"] as const) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn ghost small";
    button.textContent = text(`conflict.${choice}`);
    button.addEventListener("click", () => setField(form, disputed.name, disputed[choice]));
    row.append(button);
  }
  slot.after(row);
}

/** Show the conflict in the reopened form: the author's values over the current ones, and a choice at each disputed field. */
export async function showConflictInForm(state: FormState, op: Op, kept: Fields): Promise<void> {
  const { form } = state;
  const conflict = conflictOf(op);
  if (!conflict || form.dataset.met === op.op) return;
  form.dataset.met = op.op;
  const fields = reopenedFields(op, kept);
  if (fields) {
    fillForm(form, fields);
    form.dispatchEvent(new CustomEvent(RESTORED));
    markChanged(state);
  }
  for (const disputed of conflict.disputed) choiceRow(form, disputed);
}
