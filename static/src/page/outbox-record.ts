import type { Engine, Op } from "../engine/types.ts";
import { one } from "./dom.ts";
import { shortTime, text } from "./texts.ts";

/** Return the values of a record without labels, which a rebuilt database does not have. */
function fieldValues(op: Op): [string, string][] {
  return Object.entries(op.fields)
    .filter(([name]) => !name.startsWith("_") && name !== "id" && !name.endsWith("_id"))
    .map(([, value]): [string, string] => ["", Array.isArray(value) ? value.join(" ") : value])
    .filter(([, value]) => value !== "" && value.length < 500);
}

function line(label: string, content: string): HTMLElement {
  const [row, term, value] = [
    document.createElement("div"),
    document.createElement("dt"),
    document.createElement("dd"),
  ];
  term.textContent = label;
  value.textContent = content;
  row.append(...(label ? [term, value] : [value]));
  return row;
}

async function photosOf(op: Op, engine: Engine): Promise<HTMLElement | null> {
  const list = document.createElement("ul");
  list.className = "shots";
  for (const photo of await engine.attachmentsOf({ op: op.op })) {
    const bytes = await engine.photos.bytes(photo.id);
    if (!bytes) continue;
    const item = document.createElement("li");
    const image = document.createElement("img");
    const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: photo.mime }));
    image.onload = () => URL.revokeObjectURL(url);
    image.src = url;
    image.alt = text("photo.alt", { n: list.children.length + 1 });
    item.append(image);
    list.append(item);
  }
  return list.children.length > 0 ? list : null;
}

/** Show a record's contents with photos and the time of the last attempt to send. */
export async function showRecord(details: HTMLElement, op: Op, engine: Engine): Promise<void> {
  const facts = document.createElement("dl");
  facts.className = "facts";
  const lines = op.words ?? fieldValues(op);
  facts.append(...lines.map(([label, value]) => line(label, value)));
  const photos = await photosOf(op, engine);
  const container = one(details, "[data-record-words]");
  container?.replaceChildren(...(lines.length > 0 ? [facts] : []), ...(photos ? [photos] : []));
  const tried = one(details, "[data-record-tried]");
  if (tried) tried.textContent = op.triedAt ? text("outbox.last_try", { time: shortTime(op.triedAt) }) : "";
}
