import type { Core } from "../engine/core-db.ts";
import { isDecidedByOther, repeatedDecision } from "../engine/decision.ts";
import type { Attachment, Draft, Engine, Op } from "../engine/types.ts";
import { CAPTURED } from "./capture.ts";
import { all, cloneTemplate, hide, one } from "./dom.ts";
import { toast } from "./flash.ts";
import {
  actionsFor,
  changedIds,
  type Group,
  groupOf,
  type Message,
  obstacle,
  reasonOf,
  reopenUrl,
  stateOf,
} from "./outbox-rules.ts";
import { capturedAt } from "./pending.ts";
import { saveRescue } from "./rescue-button.ts";
import { attachStorage } from "./storage-status.ts";
import { formatSize, shortTime, text } from "./texts.ts";
import { othersUnsent } from "./users.ts";

function slot(item: HTMLElement, name: string, value: string): void {
  const slotElement = one(item, `[data-slot="${name}"]`);
  if (!slotElement) return;
  // Write only changes, so that a screen reader on this element is not interrupted.
  if (slotElement.textContent !== value) slotElement.textContent = value;
  hide(slotElement, value === "");
}

function textOf(message: Message | null): string {
  return message ? text(message.key, message.vars) : "";
}

function startOfToday(): number {
  return new Date().setHours(0, 0, 0, 0);
}

const TAG_CLASS: { [group in Group]: string } = { attention: "hot", unsent: "soon", delivered: "ok", earlier: "ok" };

function photosOf(attachments: Attachment[]): string {
  if (attachments.length === 0) return "";
  const count = (state: Attachment["state"]) => attachments.filter((photo) => photo.state === state).length;
  const bytes = attachments.reduce((sum, photo) => sum + photo.size, 0);
  const [lost, refused] = [count("lost_on_device"), count("refused")];
  return [
    text("outbox.photos", { n: count("stored"), total: attachments.length, size: formatSize(bytes) }),
    ...(lost > 0 ? [text("outbox.photos_lost", { n: lost })] : []),
    ...(refused > 0 ? [text("outbox.photos_refused", { n: refused })] : []),
  ].join(" ");
}

function receivedLine(op: Op): string {
  if (op.state !== "accepted" && op.state !== "held") return "";
  const time = op.receivedAt === null ? "" : text("outbox.received_at", { time: shortTime(op.receivedAt) });
  return [op.result?.ref ?? "", time].filter(Boolean).join(" · ");
}

type OpsById = Map<string, Op>;

async function render(item: HTMLElement, op: Op, engine: Engine, byId: OpsById): Promise<string> {
  const attachments = await engine.attachmentsOf({ op: op.op });
  const state = textOf(stateOf(op, attachments, engine.link()));
  const problems = Object.values(op.result?.problems ?? {}).flat();
  item.dataset.opId = op.op;
  item.dataset.state = op.state;
  slot(item, "title", op.title);
  slot(item, "ref", op.ref);
  slot(item, "time", shortTime(capturedAt(op)));
  slot(item, "state", state);
  const tag = one(item, '[data-slot="state"]');
  if (tag) tag.className = `tag ${TAG_CLASS[groupOf(op)]}`;
  const repeated = repeatedDecision(op);
  slot(item, "problems", op.state === "accepted" ? "" : problems.join(repeated ? "\n" : " "));
  slot(item, "reason", textOf(reasonOf(op, byId, Date.now(), engine.link())));
  slot(item, "note", String(op.result?.current?.note ?? ""));
  if (op.state === "conflict") {
    // If the module cannot be loaded, the server's message still shows both values.
    await import("./conflict-card.ts")
      .then(({ showConflictCard }) => showConflictCard(item, op, engine))
      .catch(() => {});
  }
  slot(item, "photos", photosOf(attachments));
  slot(item, "server_ref", receivedLine(op));
  const hasMissing = attachments.some((photo) => photo.state === "lost_on_device" || photo.state === "refused");
  hide(one(item, "[data-missing-photos]"), !(op.state === "accepted" && hasMissing));
  const allowed: string[] = actionsFor(op.state).filter((action) => !(isDecidedByOther(op) && action === "correct"));
  for (const action of ["correct", "discard"]) hide(one(item, `[data-act=${action}]`), !allowed.includes(action));
  hide(one(item, "[data-act=known]"), !isDecidedByOther(op));
  // A screen reader lists buttons without context: name the record.
  for (const button of all(item, "[data-act=correct],[data-act=discard],summary")) {
    button.setAttribute("aria-describedby", `op-${op.op}`);
    if (repeated && button.dataset.act === "correct") button.textContent = text("conflict.decide_again");
  }
  one(item, "[data-op-name]")?.setAttribute("id", `op-${op.op}`);
  return state;
}

/** Render a group. Reuse the items' elements, so that focus and open menus survive. */
async function renderGroup(root: HTMLElement, group: Group, ops: Op[], engine: Engine, byId: OpsById): Promise<void> {
  const section = one(root, `[data-outbox-group="${group}"]`);
  const list = section ? one(section, "ul") : null;
  const template = one<HTMLTemplateElement>(root, "template[data-outbox-item]");
  if (!section || !list || !template) return;
  const count = one(section, "[data-count]");
  if (count) count.textContent = String(ops.length);
  hide(section, ops.length === 0);
  const items: HTMLElement[] = [];
  for (const op of ops) {
    const item = one(list, `[data-op-id="${op.op}"]`) ?? cloneTemplate(template);
    if (!item) continue;
    states.set(op.op, await render(item, op, engine, byId));
    items.push(item);
  }
  const same = items.length === list.children.length && items.every((item, i) => list.children[i] === item);
  if (!same) list.replaceChildren(...items);
}

/** Return the age of a draft in the page's language. */
function age(at: number): string {
  const minutes = Math.round((at - Date.now()) / 60_000);
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
  if (minutes > -1) return text("outbox.just_now");
  if (minutes > -60) return format.format(minutes, "minute");
  return minutes > -1440
    ? format.format(Math.round(minutes / 60), "hour")
    : format.format(Math.round(minutes / 1440), "day");
}

async function renderDrafts(root: ParentNode, engine: Engine): Promise<number> {
  const drafts = (await engine.drafts.list()).filter((draft) => draft.state === "open");
  drafts.sort((a, b) => b.updated - a.updated);
  for (const section of all(root, "[data-drafts]")) {
    const template = one<HTMLTemplateElement>(section, "template[data-draft-item]");
    const list = one(section, "ul") ?? section;
    if (!template) continue;
    for (const old of all(list, "[data-draft-key]")) old.remove();
    for (const draft of drafts) list.append(await draftItem(template, draft, engine));
    hide(section, drafts.length === 0);
    const count = one(section, "[data-count]");
    if (count) count.textContent = String(drafts.length);
  }
  return drafts.length;
}

async function draftItem(template: HTMLTemplateElement, draft: Draft, engine: Engine): Promise<Node> {
  const item = cloneTemplate(template);
  if (!item) return document.createDocumentFragment();
  const corrects = draft.supersedes ? await engine.get(draft.supersedes) : undefined;
  item.dataset.draftKey = draft.key;
  slot(item, "title", draft.title);
  slot(item, "time", text("outbox.draft_age", { age: age(draft.updated), time: shortTime(draft.updated) }));
  slot(item, "corrects", corrects ? text("outbox.draft_corrects", { ref: corrects.ref }) : "");
  const link = one<HTMLAnchorElement>(item, '[data-slot="link"]');
  if (link) link.href = reopenUrl(draft);
  return item;
}

async function renderTop(root: HTMLElement, engine: Engine, waiting: boolean): Promise<void> {
  const { oldest } = await engine.counts();
  const line = one(root, "[data-oldest]");
  if (line) line.textContent = oldest === null ? "" : text("chip.since", { time: shortTime(oldest) });
  hide(line, oldest === null);
  const obstacleNow = waiting ? obstacle(engine.link(), oldest, Date.now()) : null;
  for (const strip of all(root, "[data-obstacle]")) hide(strip, strip.dataset.obstacle !== obstacleNow);
}

function renderEmpty(root: HTMLElement, waiting: boolean): void {
  const hint = one<HTMLTemplateElement>(root, "template[data-outbox-empty]");
  const old = one(root, "[data-outbox-empty-shown]");
  if (waiting) old?.remove();
  else if (!old && hint) {
    const note = cloneTemplate(hint);
    note?.setAttribute("data-outbox-empty-shown", "");
    if (note) hint.after(note);
  }
  for (const button of all<HTMLButtonElement>(root, "[data-act=send_all]")) button.disabled = !waiting;
}

const states = new Map<string, string>();
let announced = new Map<string, string>();
let announceTimer: ReturnType<typeof setTimeout> | undefined;

/** Announce changed states to screen readers, at most once in two seconds. */
function announce(root: HTMLElement, byId: OpsById): void {
  if (announceTimer !== undefined) return;
  announceTimer = setTimeout(() => {
    announceTimer = undefined;
    const news = changedIds(announced, states);
    announced = new Map(states);
    const slotElement = one(root, "[data-outbox-live]");
    if (!slotElement || news.length === 0) return;
    const each = news.map((id) => text("outbox.live", { ref: byId.get(id)?.ref ?? "", state: states.get(id) ?? "" }));
    slotElement.textContent = news.length > 3 ? text("outbox.live_many", { n: news.length }) : each.join(" ");
  }, 2000);
}

let busy: Promise<void> = Promise.resolve();

async function renderAll(root: HTMLElement, engine: Engine, core: Core): Promise<void> {
  const ops = await engine.list();
  const byId: OpsById = new Map(ops.map((op) => [op.op, op]));
  const replaced = new Set(ops.map((op) => op.supersedes).filter(Boolean));
  const shown = ops.filter((op) => !replaced.has(op.op));
  const since = startOfToday();
  for (const group of ["attention", "unsent", "delivered", "earlier"] as const) {
    const ofGroup = shown.filter((op) => groupOf(op, since) === group);
    await renderGroup(root, group, ofGroup, engine, byId);
  }
  const waiting = shown.some((op) => op.state !== "accepted");
  renderEmpty(root, waiting);
  await renderTop(root, engine, waiting);
  const others = await othersUnsent(core);
  const line = one(root, "[data-other-users]");
  if (line) line.textContent = others > 0 ? text("outbox.other_users", { n: others }) : "";
  hide(line, others === 0);
  await renderDrafts(root, engine);
  if (announced.size === 0) announced = new Map(states);
  announce(root, byId);
}

/** Ask before discarding, and offer to save a copy first. Escape and "Keep it" change nothing. */
async function discard(root: HTMLElement, op: Op, engine: Engine): Promise<void> {
  const dialog = one<HTMLDialogElement>(root, "dialog[data-discard]");
  if (!dialog) return;
  const photos = (await engine.attachmentsOf({ op: op.op })).length;
  slot(dialog, "what", text("outbox.discard_what", { ref: op.ref, title: op.title }));
  slot(dialog, "photos", photos > 0 ? text("outbox.discard_photos", { n: photos }) : "");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue === "copy") await saveRescue(await engine.rescue());
  if (dialog.returnValue !== "copy" && dialog.returnValue !== "discard") return;
  await engine.discard(op.op);
  root.focus();
  toast(text("outbox.discarded", { ref: op.ref, title: op.title }));
}

async function decide(button: HTMLElement, op: Op | undefined, engine: Engine): Promise<void> {
  const card = button.closest<HTMLElement>("[data-conflict]");
  const ref = card && op ? await (await import("./conflict-card.ts")).sendDecision(card, op, engine) : null;
  if (!ref) return;
  document.dispatchEvent(new CustomEvent(CAPTURED));
  toast(text("saved.on_phone", { ref, title: op?.title ?? "" }));
}

async function act(button: HTMLElement, id: string | null, root: HTMLElement, engine: Engine): Promise<void> {
  const { act: action } = button.dataset;
  if (action === "send_all") {
    toast(text("outbox.trying"));
    engine.kick("asked");
  } else if (action === "rescue") {
    await saveRescue(await engine.rescue());
  } else if (id === null) return;
  else if (action === "decide") await decide(button, await engine.get(id), engine);
  else if (action === "correct") {
    const op = await engine.get(id);
    button.setAttribute("aria-busy", "true");
    const draft = await engine.reopen(id).finally(() => button.removeAttribute("aria-busy"));
    await (await import("./lazy.ts")).openDraft(draft, op?.agg.join(":") ?? "");
  } else if (action === "known") {
    await engine.discard(id);
  } else if (action === "discard") {
    const op = await engine.get(id);
    if (op) await discard(root, op, engine);
  }
}

/** Show a record's contents when its details are opened; the module is loaded on first use. */
async function open(target: EventTarget | null, engine: Engine): Promise<void> {
  if (!(target instanceof HTMLDetailsElement) || !target.open || !target.matches("[data-record]")) return;
  try {
    const op = await engine.get(target.closest<HTMLElement>("[data-op-id]")?.dataset.opId ?? "");
    if (op) await (await import("./outbox-record.ts")).showRecord(target, op, engine);
  } catch {
    toast(text("outbox.not_now"));
  }
}

/** Set up the outbox page, if this is it. Return the function that renders it. */
export function attachOutbox(engine: Engine, core: Core): () => void {
  const root = one(document, "[data-outbox]");
  if (!root) {
    // Another page may have a list of drafts.
    void renderDrafts(document, engine);
    return () => {};
  }
  root.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const answer = target?.closest<HTMLElement>("[data-answer]");
    if (answer) return answer.closest("dialog")?.close(answer.dataset.answer);
    const button = target?.closest<HTMLElement>("[data-act]");
    if (!button) return;
    const op = button.closest<HTMLElement>("[data-op-id]")?.dataset.opId ?? null;
    act(button, op, root, engine).catch(() => toast(text("outbox.not_now")));
  });
  // A toggle does not bubble.
  root.addEventListener("toggle", (event) => void open(event.target, engine), true);
  attachStorage(document);
  return () => {
    busy = busy
      .then(() => renderAll(root, engine, core))
      .catch(() => {})
      .then(() => root.removeAttribute("aria-busy"));
  };
}
