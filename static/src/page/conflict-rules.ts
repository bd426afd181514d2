/** What a decision between two people's values becomes; nothing here touches the DOM. */
import type { Json, JsonObject, Op } from "../engine/types.ts";
import type { Fields } from "./form-data.ts";

/** A field that two people changed differently, in the server's words (docs/sync-protocol.md). */
export interface Disputed {
  name: string;
  label: string;
  mine: Json;
  theirs: Json;
  mine_words: string;
  theirs_words: string;
  words: string;
}

/** `fields` are what holds now; `data` is that with the author's undisputed changes on top. */
export interface Meeting {
  ver: number;
  fields: JsonObject;
  data: JsonObject;
  disputed: Disputed[];
}

export type Choice = "mine" | "theirs";
export type Choices = { [name: string]: Choice };

export function meetingOf(op: Pick<Op, "state" | "result">): Meeting | null {
  const found = op.state === "conflict" ? op.result?.current?.merge : null;
  return found && typeof found === "object" && "disputed" in found ? (found as unknown as Meeting) : null;
}

function valuesOf(meeting: Meeting, choices: Choices): JsonObject {
  const values: JsonObject = { ...meeting.data };
  for (const one of meeting.disputed) values[one.name] = choices[one.name] === "theirs" ? one.theirs : one.mine;
  return values;
}

function typed(value: Json | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

/** The new record: the decision on top of what holds now, said to have been seen; what was emptied is left out. */
export function decided(op: Pick<Op, "body" | "fields">, meeting: Meeting, choices: Choices) {
  const envelope = JSON.parse(op.body) as { data: JsonObject; schema: number };
  const values = valuesOf(meeting, choices);
  const data: JsonObject = {};
  for (const [name, value] of Object.entries({ ...envelope.data, ...values })) if (value !== null) data[name] = value;
  const base = { ver: meeting.ver, fields: meeting.fields };
  const fields: Fields = { ...op.fields, _base: JSON.stringify(base) };
  for (const [name, value] of Object.entries(values)) fields[name] = typed(value);
  return { schema: envelope.schema, base, data, fields };
}

/** What the reopened form begins with: one's own words, on top of what holds now. Null where it began already. */
export function reopened(op: Op, kept: Fields): Fields | null {
  const meeting = meetingOf(op);
  if (!meeting || kept._base !== op.fields._base) return null;
  return decided({ body: op.body, fields: kept }, meeting, {}).fields;
}
