/** List of jobs: show the next job on top once the first visit was reported from this phone. */
import type { Op } from "../engine/types.ts";
import { all } from "./dom.ts";
import { dataOf, isRefused } from "./facts.ts";
import { isReflected, parseRendered } from "./pending.ts";

/** Contents of replaced cards, by visit. */
const replacedCards = new Map<string, DocumentFragment>();

function reportedVisits(ops: readonly Op[], at: number, offset: number): Set<unknown> {
  const reports = ops.filter((op) => op.kind === "service_report.submit" && !isRefused(op));
  return new Set(reports.filter((op) => !isReflected(op, at, offset)).map((op) => dataOf(op).visit_id));
}

function cardOf(visit: string): DocumentFragment | null {
  const earlier = replacedCards.get(visit);
  if (earlier) return earlier;
  const template = document.querySelector<HTMLTemplateElement>(`template[data-next-card="${CSS.escape(visit)}"]`);
  const card = template && document.importNode(template.content, true).querySelector("[data-visit]");
  if (!card) return null;
  const inside = document.createDocumentFragment();
  inside.append(...card.childNodes);
  return inside;
}

/** Return whether the top card changed; its pending pieces and forms must then be set up. */
export function showNextJob(ops: readonly Op[], offset: number): boolean {
  const top = document.getElementById("next-card");
  const current = top?.dataset.visit;
  if (!top || !current) return false;
  if (!top.dataset.first) {
    // New from the server.
    top.dataset.first = current;
    replacedCards.clear();
  }
  const at = parseRendered(top.closest<HTMLElement>("[data-rendered]")?.dataset.rendered ?? "");
  const reported = reportedVisits(ops, at, offset);
  const order = [
    top.dataset.first,
    ...all<HTMLTemplateElement>(document, "template[data-next-card]").map((card) => card.dataset.nextCard ?? ""),
  ];
  const wanted = order.find((visit) => !reported.has(visit)) ?? top.dataset.first;
  if (wanted === current) return false;
  const card = cardOf(wanted);
  if (!card) return false;
  const before = document.createDocumentFragment();
  before.append(...top.childNodes);
  replacedCards.set(current, before);
  top.replaceChildren(card);
  top.dataset.visit = wanted;
  for (const card of all(document, "[data-card]")) card.hidden = card.dataset.card === wanted;
  for (const heading of all(document, "#_jobs h2")) {
    const cards = heading.nextElementSibling;
    if (cards?.matches(".cards")) heading.hidden = cards.querySelector("[data-card]:not([hidden])") === null;
  }
  return true;
}
