import type { Op, OpState } from "../engine/types.ts";
import { all, hide, one } from "./dom.ts";
import { shortTime, text } from "./texts.ts";

/** Return whether a page rendered at `rendered` (server's clock) already reflects the record. */
export function isReflected(op: Pick<Op, "state" | "receivedAt">, rendered: number, offset: number): boolean {
  return op.state === "accepted" && (op.receivedAt ?? 0) + offset <= rendered;
}

/**
 * Return whether a decision is newer than the page: one with a hold, or one of `kinds`, which lower a number on the page.
 */
export function hasDecided(ops: readonly Op[], kinds: string, rendered: number, offset: number): boolean {
  const lowers = kinds.split(" ");
  return ops.some((op) => (op.holdUntil || lowers.includes(op.kind)) && !isReflected(op, rendered, offset));
}

/** Return the records to show on the page, oldest first, without corrected ones. */
export function overlays(ops: readonly Op[]): Op[] {
  const replaced = new Set(ops.map((op) => op.supersedes).filter(Boolean));
  return ops.filter((op) => !replaced.has(op.op)).reverse();
}

export function stateKey(op: Pick<Op, "state">): string {
  return `state.${op.state}`;
}

const STATE_CLASS: { [state in OpState]: string } = {
  saved: "soon",
  sending: "soon",
  held: "calm",
  accepted: "ok",
  rejected: "hot",
  conflict: "hot",
  parked: "soon",
};

function valueAt(body: { data?: unknown }, path: string): string {
  let at: unknown = body;
  for (const part of path.split(".")) {
    at = at && typeof at === "object" ? (at as { [key: string]: unknown })[part] : undefined;
  }
  return typeof at === "string" || typeof at === "number" ? String(at) : "";
}

interface Envelope {
  at?: { utc?: string };
  data?: unknown;
}

function envelopeOf(op: Op): Envelope {
  try {
    return JSON.parse(op.body) as Envelope;
  } catch {
    return {};
  }
}

/** Return the time of capture from the envelope. */
export function capturedAt(op: Op): number {
  return Date.parse(envelopeOf(op).at?.utc ?? "") || op.created;
}

/** All records of the current rendering. */
let currentOps: readonly Op[] = [];

/** Return the time of the operation of `kind` on the same record, or on the report's visit. */
function timeOf(kind: string, op: Op): string {
  const visit = valueAt(envelopeOf(op), "data.visit_id");
  const agg = visit ? `visit,${visit}` : op.agg.join();
  const other = currentOps.find((one) => one.kind === kind && one.agg.join() === agg);
  return other ? shortTime(capturedAt(other)) : "";
}

export function fillSlots(root: HTMLElement, op: Op): void {
  const envelope = envelopeOf(op);
  for (const slot of all(root, "[data-time-of]")) slot.textContent = timeOf(slot.dataset.timeOf ?? "", op);
  for (const slot of all(root, "[data-fill]")) {
    const name = slot.dataset.fill ?? "";
    if (name === "ref") slot.textContent = op.ref;
    else if (name === "time") slot.textContent = shortTime(capturedAt(op));
    else if (name === "title") slot.textContent = op.title;
    else if (name === "state") {
      slot.textContent = text(stateKey(op));
      slot.classList.remove(...Object.values(STATE_CLASS));
      slot.classList.add(STATE_CLASS[op.state]);
    } else if (slot instanceof HTMLInputElement) slot.value = valueAt(envelope, name);
    else slot.textContent = valueAt(envelope, name);
  }
  for (const piece of all(root, "[data-only-state]")) {
    hide(piece, !(piece.dataset.onlyState ?? "").split(" ").includes(op.state));
  }
}

/** Return whether the record matches `data-where` (`job_id=<id>`). */
export function concerns(op: Pick<Op, "body">, where: string | undefined): boolean {
  if (!where) return true;
  const [path = "", wanted] = where.split("=", 2);
  try {
    return valueAt(JSON.parse(op.body) as Envelope, `data.${path}`) === wanted;
  } catch {
    return false;
  }
}

/** Return whether the record is in one of `data-states` (`saved sending`). */
export function inState(op: Pick<Op, "state">, states: string | undefined): boolean {
  return !states || states.split(" ").includes(op.state);
}

interface PieceTemplate {
  template: HTMLTemplateElement;
  rendered: number;
}

interface Fit extends PieceTemplate {
  target: Element;
}

interface PlacedPiece extends PieceTemplate {
  op: string;
  nodes: HTMLElement[];
  /** False when a later record's piece replaced it. */
  visible: boolean;
}

/** Original content of targets whose content was replaced. */
const originals = new Map<Element, DocumentFragment>();
/** Height of cards before their decision was shown, so that the cards below do not move. */
const heights = new Map<HTMLElement, number>();
let placedPieces: PlacedPiece[] = [];

/** Parse a rendering time. Without fraction it means the end of that second. */
export function parseRendered(value: string): number {
  const at = Date.parse(value) || 0;
  return at === 0 || value.includes(".") ? at : at + 999;
}

/** Return when the part around `element`, or the page, was rendered (server's clock). */
export function renderedAt(element: Element | null): number {
  const near = element?.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
  return parseRendered(near.dataset.rendered ?? "");
}

/** Return all piece templates, also those in replaced content and in replaced pieces. */
function findTemplates(): PieceTemplate[] {
  const templates = new Map<HTMLTemplateElement, number>();
  const collect = (root: ParentNode, rendered: (template: HTMLTemplateElement) => number) => {
    for (const template of root.querySelectorAll<HTMLTemplateElement>("template[data-pending]")) {
      if (!templates.has(template)) templates.set(template, rendered(template));
    }
  };
  collect(document, renderedAt);
  for (const [target, fragment] of originals) {
    collect(fragment, (template) => renderedAt(template.closest("[data-rendered]") ?? target));
  }
  for (const { nodes, rendered } of placedPieces) for (const node of nodes) collect(node, () => rendered);
  return [...templates].map(([template, rendered]) => ({ template, rendered }));
}

/**
 * Return the target element of a piece. With `data-each="s-"` it is the element `s-<id>` of the record, whose `data-ahead`
 * lists the kinds that may replace its content; `data-by="job_id"` takes the id from a field of the record.
 */
function targetOf(op: Op, template: HTMLTemplateElement): Element | null {
  const { each, by, target = "" } = template.dataset;
  if (!each) return document.querySelector(target);
  const row = document.getElementById(`${each}${by ? valueAt(envelopeOf(op), `data.${by}`) : op.agg[1]}`);
  return row?.dataset.ahead?.split(" ").includes(op.kind) ? row : null;
}

/** Return whether the page already lists the record: received, but the response was lost. */
function isListed(op: Op, { agg, each, mode, target }: DOMStringMap): boolean {
  if (agg || each || mode === "replace" || !target) return false;
  const id = CSS.escape(op.agg[1]);
  return document.querySelector(`${target} :is([id$="${id}"],[href$="${id}"],[value="${id}"])`) !== null;
}

/** Return the pieces for a record, at most one per target. */
function matching(op: Op, offset: number): Fit[] {
  const fits = findTemplates().filter(
    ({ template, rendered }) =>
      template.dataset.pending === op.kind &&
      (!template.dataset.agg || template.dataset.agg === op.agg.join(":")) &&
      concerns(op, template.dataset.where) &&
      inState(op, template.dataset.states) &&
      !isReflected(op, rendered, offset) &&
      !isListed(op, template.dataset),
  );
  const earlier = placedPieces.filter((piece) => piece.op === op.op).map((piece) => piece.template);
  const rank = ({ template }: PieceTemplate) => (earlier.includes(template) ? 0 : 1);
  const places = new Map<Element, Fit>();
  for (const fit of fits.sort((a, b) => rank(a) - rank(b))) {
    const target = targetOf(op, fit.template);
    if (target && !places.has(target)) places.set(target, { ...fit, target });
  }
  return [...places.values()];
}

function removePieces(): void {
  for (const { nodes } of placedPieces) for (const node of nodes) node.remove();
  for (const [target, original] of originals) target.replaceChildren(original);
  originals.clear();
  placedPieces = [];
}

function placePiece(op: Op, { template, rendered, target }: Fit): PlacedPiece {
  const fragment = document.importNode(template.content, true);
  const nodes = [...fragment.children].filter((node): node is HTMLElement => node instanceof HTMLElement);
  for (const node of nodes) {
    node.setAttribute("data-pending-clone", op.op);
    fillSlots(node, op);
  }
  const mode = template.dataset.mode ?? "append";
  if (mode === "replace") {
    if (target instanceof HTMLElement && one(fragment, "[data-undo-row]")) keepHeight(target);
    if (!originals.has(target)) {
      const earlier = document.createDocumentFragment();
      earlier.append(...target.childNodes);
      originals.set(target, earlier);
    }
    target.replaceChildren(fragment);
  } else if (mode === "prepend") target.prepend(fragment);
  else target.append(fragment);
  return { op: op.op, template, rendered, nodes, visible: true };
}

function keepHeight(target: HTMLElement): void {
  if (!heights.has(target)) heights.set(target, target.getBoundingClientRect().height);
  target.style.minHeight = `${heights.get(target)}px`;
}

function forgetHeights(): void {
  for (const target of heights.keys()) {
    if (originals.has(target)) continue;
    target.style.minHeight = "";
    heights.delete(target);
  }
}

/** If the same pieces are placed already, only update their texts, so that focus and taps are kept. Else return false. */
function updatePieces(todo: { op: Op; template: HTMLTemplateElement }[]): boolean {
  const same =
    todo.length === placedPieces.length &&
    todo.every(({ op, template }) => placedPieces.some((piece) => piece.op === op.op && piece.template === template)) &&
    placedPieces.every(({ nodes, visible }) => nodes.every((node) => node.isConnected === visible));
  if (!same) return false;
  for (const { op, template } of todo) {
    for (const piece of placedPieces) {
      if (piece.op === op.op && piece.template === template) for (const node of piece.nodes) fillSlots(node, op);
    }
  }
  return true;
}

/**
 * Show records that the page does not reflect as pending pieces. `offset` is server time minus phone time. Call `onPlaced`
 * for every new piece, as it may contain a form. Return the ids of the records shown.
 */
export function applyPending(ops: readonly Op[], offset: number, onPlaced: (root: HTMLElement) => void): Set<string> {
  const list = overlays(ops);
  currentOps = ops;
  const todo = list.flatMap((op) => matching(op, offset).map(({ template }) => ({ op, template })));
  if (!updatePieces(todo)) {
    removePieces();
    for (const op of list) {
      // In order: a target may be inside an earlier piece.
      for (const fit of matching(op, offset)) if (fit.target.isConnected) placedPieces.push(placePiece(op, fit));
    }
    for (const piece of placedPieces) {
      piece.visible = piece.nodes.some((node) => node.isConnected);
      for (const node of piece.nodes) if (piece.visible) onPlaced(node);
    }
    forgetHeights();
  }
  return new Set(placedPieces.map((piece) => piece.op));
}

/** Forget targets that a swapped fragment removed. */
export function forgetSwapped(): void {
  for (const target of originals.keys()) if (!target.isConnected) originals.delete(target);
}
