import type { Op, OpState } from "../engine/types.ts";
import { all, hide, one } from "./dom.ts";
import { shortTime, text } from "./texts.ts";

/** What the page's own fragment or document shows was true at this time (server's clock). */
export function isReflected(op: Pick<Op, "state" | "receivedAt">, rendered: number, offset: number): boolean {
  return op.state === "accepted" && (op.receivedAt ?? 0) + offset <= rendered;
}

/**
 * Whether some decision is newer than the page: one that could be taken back, or one of `kinds`, which lower a number on
 * it.
 */
export function hasDecided(ops: readonly Op[], kinds: string, rendered: number, offset: number): boolean {
  const lowers = kinds.split(" ");
  return ops.some((op) => (op.holdUntil || lowers.includes(op.kind)) && !isReflected(op, rendered, offset));
}

/** Records to lay over the page, oldest first; one that was corrected gives way to its successor. */
export function overlays(ops: readonly Op[]): Op[] {
  const replaced = new Set(ops.map((op) => op.supersedes).filter(Boolean));
  return ops.filter((op) => !replaced.has(op.op)).reverse();
}

export function stateKey(op: Pick<Op, "state">): string {
  return `state.${op.state}`;
}

const LOOK: { [state in OpState]: string } = {
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

/** When the person did it, as the envelope says. */
export function capturedAt(op: Op): number {
  return Date.parse(envelopeOf(op).at?.utc ?? "") || op.created;
}

/** All records that are laid over the page. */
let current: readonly Op[] = [];

/** When the person did another thing to the same record, or to the visit that a report is about; as the phone knows. */
function timeOf(kind: string, op: Op): string {
  const visit = valueAt(envelopeOf(op), "data.visit_id");
  const agg = visit ? `visit,${visit}` : op.agg.join();
  const other = current.find((one) => one.kind === kind && one.agg.join() === agg);
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
      slot.classList.remove(...Object.values(LOOK));
      slot.classList.add(LOOK[op.state]);
    } else if (slot instanceof HTMLInputElement) slot.value = valueAt(envelope, name);
    else slot.textContent = valueAt(envelope, name);
  }
  for (const piece of all(root, "[data-only-state]")) {
    hide(piece, !(piece.dataset.onlyState ?? "").split(" ").includes(op.state));
  }
}

/** `job_id=<id>`: a piece for new records says by a field of theirs which of them it is for. */
export function concerns(op: Pick<Op, "body">, where: string | undefined): boolean {
  if (!where) return true;
  const [path = "", wanted] = where.split("=", 2);
  try {
    return valueAt(JSON.parse(op.body) as Envelope, `data.${path}`) === wanted;
  } catch {
    return false;
  }
}

/** `data-states="saved sending"`: a piece that stands only while its record is in one of these states. */
export function inState(op: Pick<Op, "state">, states: string | undefined): boolean {
  return !states || states.split(" ").includes(op.state);
}

interface Known {
  template: HTMLTemplateElement;
  rendered: number;
}

interface Fit extends Known {
  target: Element;
}

interface Placed extends Known {
  op: string;
  nodes: HTMLElement[];
  /** False when a later record's piece took the same place. */
  visible: boolean;
}

/** What stood in a target before a piece took its place. */
const originals = new Map<Element, DocumentFragment>();
/** How high a card was before its decision took its place: the cards below it stay where they are. */
const heights = new Map<HTMLElement, number>();
let placed: Placed[] = [];

/** Servers write whole seconds or better; a whole second may mean any moment within it. */
export function parseRendered(value: string): number {
  const at = Date.parse(value) || 0;
  return at === 0 || value.includes(".") ? at : at + 999;
}

/** When the page, or the part of it around `element`, was made: the server's clock. */
export function renderedAt(element: Element | null): number {
  const near = element?.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
  return parseRendered(near.dataset.rendered ?? "");
}

/** Also those in what a piece replaced and in pieces that were replaced themselves. */
function known(): Known[] {
  const found = new Map<HTMLTemplateElement, number>();
  const look = (root: ParentNode, rendered: (template: HTMLTemplateElement) => number) => {
    for (const template of root.querySelectorAll<HTMLTemplateElement>("template[data-pending]")) {
      if (!found.has(template)) found.set(template, rendered(template));
    }
  };
  look(document, renderedAt);
  for (const [target, fragment] of originals) {
    look(fragment, (template) => renderedAt(template.closest("[data-rendered]") ?? target));
  }
  for (const { nodes, rendered } of placed) for (const node of nodes) look(node, () => rendered);
  return [...found].map(([template, rendered]) => ({ template, rendered }));
}

/**
 * Where a piece goes. One with `data-each="s-"` serves every record of a list: the element `s-<id>` names in its
 * `data-ahead` which records may still take its place. `data-by="job_id"` finds it by a field of a new record.
 */
function targetOf(op: Op, template: HTMLTemplateElement): Element | null {
  const { each, by, target = "" } = template.dataset;
  if (!each) return document.querySelector(target);
  const row = document.getElementById(`${each}${by ? valueAt(envelopeOf(op), `data.${by}`) : op.agg[1]}`);
  return row?.dataset.ahead?.split(" ").includes(op.kind) ? row : null;
}

/** The server has it, only its answer was lost: the piece for a new record would show it a second time. */
function isListed(op: Op, { agg, each, mode, target }: DOMStringMap): boolean {
  if (agg || each || mode === "replace" || !target) return false;
  const id = CSS.escape(op.agg[1]);
  return document.querySelector(`${target} :is([id$="${id}"],[href$="${id}"],[value="${id}"])`) !== null;
}

/** All pieces for a record, at most one for each place. */
function matching(op: Op, offset: number): Fit[] {
  const fits = known().filter(
    ({ template, rendered }) =>
      template.dataset.pending === op.kind &&
      (!template.dataset.agg || template.dataset.agg === op.agg.join(":")) &&
      concerns(op, template.dataset.where) &&
      inState(op, template.dataset.states) &&
      !isReflected(op, rendered, offset) &&
      !isListed(op, template.dataset),
  );
  const before = placed.filter((piece) => piece.op === op.op).map((piece) => piece.template);
  const rank = ({ template }: Known) => (before.includes(template) ? 0 : 1);
  const places = new Map<Element, Fit>();
  for (const fit of fits.sort((a, b) => rank(a) - rank(b))) {
    const target = targetOf(op, fit.template);
    if (target && !places.has(target)) places.set(target, { ...fit, target });
  }
  return [...places.values()];
}

function putBack(): void {
  for (const { nodes } of placed) for (const node of nodes) node.remove();
  for (const [target, original] of originals) target.replaceChildren(original);
  originals.clear();
  placed = [];
}

function place(op: Op, { template, rendered, target }: Fit): Placed {
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
      const before = document.createDocumentFragment();
      before.append(...target.childNodes);
      originals.set(target, before);
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

/** Same records at the same places: only their words change, so that nothing is lost under someone's fingers. */
function refill(todo: { op: Op; template: HTMLTemplateElement }[]): boolean {
  const same =
    todo.length === placed.length &&
    todo.every(({ op, template }) => placed.some((piece) => piece.op === op.op && piece.template === template)) &&
    placed.every(({ nodes, visible }) => nodes.every((node) => node.isConnected === visible));
  if (!same) return false;
  for (const { op, template } of todo) {
    for (const piece of placed) {
      if (piece.op === op.op && piece.template === template) for (const node of piece.nodes) fillSlots(node, op);
    }
  }
  return true;
}

/**
 * Lays over the page what is still on the phone. `offset` is server time minus phone time. `adopt` is called for
 * every new piece, since it may hold the next step's form. Returns the ids of the records shown.
 */
export function applyPending(ops: readonly Op[], offset: number, adopt: (root: HTMLElement) => void): Set<string> {
  const list = overlays(ops);
  current = ops;
  const todo = list.flatMap((op) => matching(op, offset).map(({ template }) => ({ op, template })));
  if (!refill(todo)) {
    putBack();
    for (const op of list) {
      // One after the other: a place may lie in what an earlier piece brought.
      for (const fit of matching(op, offset)) if (fit.target.isConnected) placed.push(place(op, fit));
    }
    for (const piece of placed) {
      piece.visible = piece.nodes.some((node) => node.isConnected);
      for (const node of piece.nodes) if (piece.visible) adopt(node);
    }
    forgetHeights();
  }
  return new Set(placed.map((piece) => piece.op));
}

/** A fragment came from the server: a target it replaced is no target any more. */
export function forgetSwapped(): void {
  for (const target of originals.keys()) if (!target.isConnected) originals.delete(target);
}
