/** Build the record that resolves a conflict between two people's values. No DOM. */
import type { Json, JsonObject, Op } from "../engine/types.ts";
import type { Fields } from "./form-data.ts";

/** A field that two people changed differently, as the server sends it (docs/sync-protocol.md). */
export interface DisputedField {
  name: string;
  label: string;
  mine: Json;
  theirs: Json;
  mine_words: string;
  theirs_words: string;
  words: string;
}

/** `fields`: the current values; `data`: these with the author's undisputed changes. */
export interface Conflict {
  ver: number;
  fields: JsonObject;
  data: JsonObject;
  disputed: DisputedField[];
}

export type Choice = "mine" | "theirs";
export type Choices = { [name: string]: Choice };

export function conflictOf(op: Pick<Op, "state" | "result">): Conflict | null {
  const merge = op.state === "conflict" ? op.result?.current?.merge : null;
  return merge && typeof merge === "object" && "disputed" in merge ? (merge as unknown as Conflict) : null;
}

function valuesOf(conflict: Conflict, choices: Choices): JsonObject {
  const values: JsonObject = { ...conflict.data };
  for (const field of conflict.disputed)
    values[field.name] = choices[field.name] === "theirs" ? field.theirs : field.mine;
  return values;
}

function asText(value: Json | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

/** Return the resolving record: the choices over the current values, which become its base. Emptied fields are omitted. */
export function resolve(op: Pick<Op, "body" | "fields">, conflict: Conflict, choices: Choices) {
  const envelope = JSON.parse(op.body) as { data: JsonObject; schema: number };
  const values = valuesOf(conflict, choices);
  const data: JsonObject = {};
  for (const [name, value] of Object.entries({ ...envelope.data, ...values })) if (value !== null) data[name] = value;
  const base = { ver: conflict.ver, fields: conflict.fields };
  const fields: Fields = { ...op.fields, _base: JSON.stringify(base) };
  for (const [name, value] of Object.entries(values)) fields[name] = asText(value);
  return { schema: envelope.schema, base, data, fields };
}

/** Return the initial fields of the reopened form; null if the draft was already filled with them. */
export function reopenedFields(op: Op, kept: Fields): Fields | null {
  const conflict = conflictOf(op);
  if (!conflict || kept._base !== op.fields._base) return null;
  return resolve({ body: op.body, fields: kept }, conflict, {}).fields;
}
