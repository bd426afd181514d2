/** The list of jobs: once a visit is reported from this phone, the next job takes its place on top. */
import type { Op } from "../engine/types.ts";
import { all } from "./dom.ts";
import { dataOf, isRefused } from "./facts.ts";
import { isReflected, parseRendered } from "./pending.ts";

/** Cards that gave way to another one, as they stood. */
const aside = new Map<string, DocumentFragment>();

function reported(ops: readonly Op[], at: number, offset: number): Set<unknown> {
  const reports = ops.filter((op) => op.kind === "service_report.submit" && !isRefused(op));
  return new Set(reports.filter((op) => !isReflected(op, at, offset)).map((op) => dataOf(op).visit_id));
}

function cardOf(visit: string): DocumentFragment | null {
  const kept = aside.get(visit);
  if (kept) return kept;
  const template = document.querySelector<HTMLTemplateElement>(`template[data-next-card="${CSS.escape(visit)}"]`);
  const card = template && document.importNode(template.content, true).querySelector("[data-visit]");
  if (!card) return null;
  const inside = document.createDocumentFragment();
  inside.append(...card.childNodes);
  return inside;
}

/** Returns whether another card stands on top now, which then wants its pieces and its forms looked after. */
export function moveUp(ops: readonly Op[], offset: number): boolean {
  const top = document.getElementById("next-card");
  const now = top?.dataset.visit;
  if (!top || !now) return false;
  if (!top.dataset.first) {
    // Drawn anew by the server.
    top.dataset.first = now;
    aside.clear();
  }
  const at = parseRendered(top.closest<HTMLElement>("[data-rendered]")?.dataset.rendered ?? "");
  const done = reported(ops, at, offset);
  const order = [
    top.dataset.first,
    ...all<HTMLTemplateElement>(document, "template[data-next-card]").map((one) => one.dataset.nextCard ?? ""),
  ];
  const wanted = order.find((visit) => !done.has(visit)) ?? top.dataset.first;
  if (wanted === now) return false;
  const card = cardOf(wanted);
  if (!card) return false;
  const before = document.createDocumentFragment();
  before.append(...top.childNodes);
  aside.set(now, before);
  top.replaceChildren(card);
  top.dataset.visit = wanted;
  for (const one of all(document, "[data-card]")) one.hidden = one.dataset.card === wanted;
  for (const heading of all(document, "#_jobs h2")) {
    const cards = heading.nextElementSibling;
    if (cards?.matches(".cards")) heading.hidden = cards.querySelector("[data-card]:not([hidden])") === null;
  }
  return true;
}
