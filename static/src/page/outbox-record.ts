import type { Engine, Op } from "../engine/types.ts";
import { one } from "./dom.ts";
import { shortTime, text } from "./texts.ts";

/** What a rebuilt database still knows of a record: the values, without the names of their fields. */
function plainWords(op: Op): [string, string][] {
  return Object.entries(op.fields)
    .filter(([name]) => !name.startsWith("_") && name !== "id" && !name.endsWith("_id"))
    .map(([, value]): [string, string] => ["", Array.isArray(value) ? value.join(" ") : value])
    .filter(([, value]) => value !== "" && value.length < 500);
}

function line(label: string, words: string): HTMLElement {
  const [row, term, said] = [document.createElement("div"), document.createElement("dt"), document.createElement("dd")];
  term.textContent = label;
  said.textContent = words;
  row.append(...(label ? [term, said] : [said]));
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

/** Shows what was filled in, with its photos, and when this phone last tried to send it. */
export async function showRecord(place: HTMLElement, op: Op, engine: Engine): Promise<void> {
  const facts = document.createElement("dl");
  facts.className = "facts";
  const words = op.words ?? plainWords(op);
  facts.append(...words.map(([label, said]) => line(label, said)));
  const photos = await photosOf(op, engine);
  const inside = one(place, "[data-record-words]");
  inside?.replaceChildren(...(words.length > 0 ? [facts] : []), ...(photos ? [photos] : []));
  const tried = one(place, "[data-record-tried]");
  if (tried) tried.textContent = op.triedAt ? text("outbox.last_try", { time: shortTime(op.triedAt) }) : "";
}
