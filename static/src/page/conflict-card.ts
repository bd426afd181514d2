import type { Engine, Op } from "../engine/types.ts";
import { type Choice, type Choices, type Disputed, decided, meetingOf, reopened } from "./conflict-rules.ts";
import { all, cloneTemplate, controlsOf, errorId, hide, one } from "./dom.ts";
import { type FormState, RESTORED, touch } from "./draft.ts";
import { type Fields, fillForm } from "./form-data.ts";
import { text } from "./texts.ts";

function choicesOf(card: HTMLElement): Choices {
  const choices: Choices = {};
  for (const radio of all<HTMLInputElement>(card, "input:checked")) {
    choices[radio.dataset.field ?? ""] = radio.value as Choice;
  }
  return choices;
}

function fieldOf(template: HTMLTemplateElement, op: Op, disputed: Disputed): HTMLElement | null {
  const item = cloneTemplate(template);
  if (!item) return null;
  const words: { [slot: string]: string } = {
    label: disputed.label,
    words: disputed.words,
    mine: disputed.mine_words,
    theirs: disputed.theirs_words,
  };
  for (const slot of all(item, "[data-slot]")) slot.textContent = words[slot.dataset.slot ?? ""] ?? "";
  for (const radio of all<HTMLInputElement>(item, "input")) {
    radio.name = `${op.op}:${disputed.name}`;
    radio.dataset.field = disputed.name;
  }
  return item;
}

/** Sends the decision as a new record in the refused one's place; returns its reference, or null before one chose. */
export async function sendDecision(card: HTMLElement, op: Op, engine: Engine): Promise<string | null> {
  const meeting = meetingOf(op);
  const choices = choicesOf(card);
  if (!meeting || Object.keys(choices).length < meeting.disputed.length) return null;
  const { kind, agg, title, url } = op;
  const rest = decided(op, meeting, choices);
  return (await engine.capture({ kind, agg, title, url, ...rest, draftKey: null, supersedes: op.op })).ref;
}

/** Both values of every disputed field, and the choice between them; it stays while the list is drawn again. */
export async function showCard(item: HTMLElement, op: Op, engine: Engine): Promise<void> {
  const card = one(item, "[data-conflict]");
  const template = one<HTMLTemplateElement>(document, "template[data-conflict-field]");
  const meeting = meetingOf(op);
  if (!card || !template) return;
  // Once the form is open again the decision is made there, or what was typed in it would be passed over.
  const inForm = (await engine.drafts.list()).some((draft) => draft.supersedes === op.op);
  hide(card, !meeting || inForm);
  // The card says the same, field by field.
  if (meeting && !inForm) hide(one(item, "[data-slot=problems]"), true);
  if (!meeting || card.dataset.met === op.op) return;
  card.dataset.met = op.op;
  const places = meeting.disputed.map((disputed) => fieldOf(template, op, disputed)).filter((place) => place !== null);
  one(card, "[data-conflict-fields]")?.replaceChildren(...places);
  const button = one<HTMLButtonElement>(card, "[data-act=decide]");
  if (!button) return;
  button.disabled = true;
  card.addEventListener("change", () => {
    button.disabled = Object.keys(choicesOf(card)).length < meeting.disputed.length;
  });
}

function put(form: HTMLFormElement, name: string, value: Disputed["mine"]): void {
  fillForm(form, { [name]: value === null ? "" : String(value) });
  const control = controlsOf(form).find((one) => one.name === name);
  control?.dispatchEvent(new Event("change", { bubbles: true }));
}

function choiceRow(form: HTMLFormElement, disputed: Disputed): void {
  const where = one(form, `#${CSS.escape(errorId(disputed.name))}`);
  if (!where) return;
  where.textContent = disputed.words;
  hide(where, false);
  const row = document.createElement("div");
  row.className = "row";
  for (const choice of ["mine", "theirs"] as const) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn ghost small";
    button.textContent = text(`conflict.${choice}`);
    button.addEventListener("click", () => put(form, disputed.name, disputed[choice]));
    row.append(button);
  }
  where.after(row);
}

/** The refused form reopened: filled with one's own words on top of what holds now, both values at the fields. */
export async function meetForm(state: FormState, op: Op, kept: Fields): Promise<void> {
  const { form } = state;
  const meeting = meetingOf(op);
  if (!meeting || form.dataset.met === op.op) return;
  form.dataset.met = op.op;
  const fields = reopened(op, kept);
  if (fields) {
    fillForm(form, fields);
    form.dispatchEvent(new CustomEvent(RESTORED));
    touch(state);
  }
  for (const disputed of meeting.disputed) choiceRow(form, disputed);
}
