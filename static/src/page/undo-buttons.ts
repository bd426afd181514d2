import { type Engine, type Op, TooLate } from "../engine/types.ts";
import { all, hide, one } from "./dom.ts";
import { toast } from "./flash.ts";
import { isReflected, parseRendered } from "./pending.ts";
import { openDraft } from "./refusal.ts";
import { text } from "./texts.ts";

const seconds = (op: Op) => Math.max(1, Math.ceil(((op.holdUntil ?? 0) - Date.now()) / 1000));

async function undoDecision(engine: Engine, op: Op): Promise<void> {
  try {
    const draft = await engine.undo(op.op);
    toast(text("undo.done", { title: op.title }));
    // The next rendering restores the card and its form.
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (draft) await openDraft(draft, op.agg.join(":"));
    else one(document, `form[data-agg="${CSS.escape(op.agg.join(":"))}"] button`)?.focus();
  } catch (error) {
    toast(text(error instanceof TooLate ? "undo.too_late" : "outbox.not_now"));
  }
}

function buttonFor(engine: Engine, op: Op): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn ghost undo";
  button.dataset.undoOp = op.op;
  const left = document.createElement("span");
  left.setAttribute("aria-hidden", "true");
  button.append(text("undo.button"), left);
  button.addEventListener("click", () => {
    button.setAttribute("aria-busy", "true");
    void undoDecision(engine, op).finally(() => button.removeAttribute("aria-busy"));
  });
  return button;
}

let open: Op[] = [];
let toasted: string | null = null;
let timer: ReturnType<typeof setInterval> | undefined;

function tick(engine: Engine): void {
  open = open.filter((op) => engine.mayUndo(op));
  for (const button of all<HTMLButtonElement>(document, "[data-undo-op]")) {
    const op = open.find((one) => one.op === button.dataset.undoOp);
    if (!op) {
      const card = button.closest<HTMLElement>("[data-pending-clone]");
      if (button === document.activeElement && card) {
        card.tabIndex = -1;
        card.focus({ preventScroll: true });
      }
      const inToast = button.closest<HTMLElement>(".toast");
      button.remove();
      hide(inToast, true);
      continue;
    }
    const left = button.lastElementChild;
    const label = ` · ${text("undo.left", { n: seconds(op) })}`;
    if (left && left.textContent !== label) left.textContent = label;
  }
  if (open.length === 0) {
    clearInterval(timer);
    timer = undefined;
  }
}

/** Return the latest decision; its undo button is also shown in the toast. */
export function lastDecided(ops: readonly Op[]): Op | undefined {
  return [...ops].sort((a, b) => (b.holdUntil ?? 0) - (a.holdUntil ?? 0))[0];
}

/** Show an undo button at each decision that can be undone, and for the latest one also in the toast. */
function showUndo(engine: Engine, ops: readonly Op[]): void {
  open = ops.filter((op) => engine.mayUndo(op));
  for (const op of open) {
    const row = one(document, `[data-pending-clone="${op.op}"] [data-undo-row]`);
    if (row && !one(row, "[data-undo-op]")) row.append(buttonFor(engine, op));
  }
  const last = lastDecided(open);
  if (last && toasted !== last.op) {
    toasted = last.op;
    // For as long as the record is held (D-ROLE-6).
    toast(last.title, null, buttonFor(engine, last), (last.holdUntil ?? 0) - Date.now());
  }
  timer ??= setInterval(() => tick(engine), 250);
  tick(engine);
}

/** Subtract decisions that the page does not reflect yet from the number at the inbox. */
function showCount(ops: readonly Op[], offset: number): void {
  const tab = one(document, "nav [data-lowered-by]");
  const count = tab && one(tab, ".count");
  if (!tab || !count?.firstChild) return;
  // A refreshed part may be newer than the page around it.
  const part = one(document, "[data-waiting]");
  const [own, made] = [document.documentElement.dataset.rendered ?? "", part?.dataset.rendered ?? ""];
  const newer = part && parseRendered(made) > parseRendered(own);
  const number = Number((newer ? part.dataset.waiting : tab.dataset.count) ?? 0);
  const kinds = new Set((tab.dataset.loweredBy ?? "").split(" "));
  const rendered = parseRendered(newer ? made : own);
  const decided = new Set(
    ops
      .filter((op) => kinds.has(op.kind) && op.state !== "rejected" && op.state !== "conflict")
      .filter((op) => !isReflected(op, rendered, offset))
      .map((op) => op.agg.join(":")),
  );
  const left = Math.max(0, number - decided.size);
  count.firstChild.textContent = left > 99 ? "99+" : String(left);
  hide(count, left === 0);
}

/** Show in the heading how many cards below it are undecided. */
function showHeading(ops: readonly Op[]): void {
  const heading = one(document, "[data-cases]");
  if (!heading) return;
  const refused = new Set(ops.filter((op) => op.state === "rejected" || op.state === "conflict").map((op) => op.op));
  const pieces = all(document, "[id^=case-]>[data-pending-clone]:has([data-undo-row])");
  const decided = pieces.filter((piece) => !refused.has(piece.dataset.pendingClone ?? ""));
  const left = Math.max(0, Number(heading.dataset.cases) - decided.length);
  heading.textContent = `${left}${heading.dataset.more ?? ""}`;
  hide(heading, left === 0);
}

/** Update undo buttons and counts; called with every rendering while there are unreflected decisions. */
export function updateDecisions(engine: Engine, ops: readonly Op[], offset: number): void {
  showUndo(engine, ops);
  showCount(ops, offset);
  showHeading(ops);
}
