import { isDecidedByOther } from "../engine/decision.ts";
import type { Draft, Engine, Op } from "../engine/types.ts";
import { hide, one } from "./dom.ts";
import { address, type FormState, formOf, reopenDraft } from "./draft.ts";
import { toast } from "./flash.ts";
import { reopenUrl } from "./outbox-rules.ts";
import { text } from "./texts.ts";
import { leavingSoon } from "./touch.ts";

/** Refusals of records older than this are shown only by the chip. */
const NEWS_MS = 15 * 60_000;

/** Open a draft in its form, on this page or its own. */
export async function openDraft(draft: Draft, agg: string): Promise<void> {
  const state = formOf(draft, agg);
  if (state) {
    await reopenDraft(state, draft.key);
    return focusProblem(state.form);
  }
  const url = reopenUrl(draft);
  leavingSoon();
  location.assign(url);
  // A changed hash alone does not load the page.
  if (draft.url.split("#")[0] === address()) location.reload();
}

function focusProblem(form: HTMLFormElement): void {
  const target = one(form, "[aria-invalid=true]:not(fieldset),[data-form-error]:not([hidden])") ?? form;
  if (!target.matches("input,select,textarea")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
}

/** How long to wait for the server's result before leaving the form. */
const RESULT_WAIT_MS = 1500;

/** Return the record once it has a result, or undefined after the timeout. */
function awaitResult(engine: Engine, id: string): Promise<Op | undefined> {
  return new Promise((resolve) => {
    const end = (op?: Op) => {
      clearTimeout(timer);
      stop();
      resolve(op);
    };
    const check = async () => {
      const op = await engine.get(id).catch(() => undefined);
      if (op && ["accepted", "held", "rejected", "conflict"].includes(op.state)) end(op);
    };
    const timer = setTimeout(end, RESULT_WAIT_MS);
    const stop = engine.subscribe(() => void check());
    void check();
  });
}

/**
 * Wait briefly for the result of a record submitted from this form. If it is refused, reopen it in the form with the
 * messages at the fields and return true.
 */
export async function awaitRefusal(engine: Engine, id: string, state: FormState): Promise<boolean> {
  const op = await awaitResult(engine, id);
  if (op?.state !== "rejected" && op?.state !== "conflict") return false;
  const draft = await engine.reopen(id);
  await reopenDraft(state, draft.key);
  toast(text("refused.here"));
  focusProblem(state.form);
  return true;
}

function problemOf(op: Op): string {
  return Object.values(op.result?.problems ?? {}).flat()[0] ?? "";
}

/** Return a link to the record that another person decided; only to addresses of this app. */
function recordLink(op: Op): HTMLAnchorElement[] {
  const url = op.result?.current?.url;
  if (typeof url !== "string" || !/^\/[^/\\]/.test(url)) return [];
  const link = document.createElement("a");
  link.className = "btn ghost small";
  link.href = url;
  link.textContent = text("refused.record");
  return [link];
}

/** Return the button with which the author discards a decision that another person made first. */
function acknowledgeButton(engine: Engine, op: Op): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn ghost small";
  button.textContent = text("refused.known");
  button.addEventListener("click", async () => {
    const card = one(document, `[data-pending-clone="${op.op}"]`);
    button.setAttribute("aria-busy", "true");
    try {
      await engine.discard(op.op);
      hide(one(document, "#refused"), true);
      // The card still has buttons for the decided case.
      if (card && !one(document, "[data-undo-op]")) location.reload();
    } catch {
      toast(text("outbox.not_now"));
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

let shown: string | null = null;

function showBanner(engine: Engine, op: Op): void {
  const strip = one(document, "#refused") ?? document.createElement("div");
  strip.id = "refused";
  strip.className = "strip bad";
  strip.setAttribute("role", "alert");
  const message = document.createElement("span");
  message.textContent = text("refused.banner", { title: op.title, why: problemOf(op) });
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn ghost small";
  button.textContent = text("refused.look");
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      await openDraft(await engine.reopen(op.op), op.agg.join(":"));
      hide(strip, true);
    } catch {
      location.assign("/outbox");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  strip.classList.toggle("wrap", isDecidedByOther(op));
  strip.replaceChildren(
    message,
    ...(isDecidedByOther(op) ? [...recordLink(op), acknowledgeButton(engine, op)] : [button]),
  );
  hide(strip, false);
  one(document, "#banner")?.after(strip);
  shown = op.op;
}

/** Fetch the form's page so that the service worker caches it for offline use. */
function cachePage(op: Op): void {
  if (op.url.split("#")[0] === address()) return;
  void fetch(op.url, { headers: { Accept: "text/html" }, credentials: "same-origin" }).catch(() => {});
}

/** Return whether the record is being corrected on this page. */
async function isOpenHere(engine: Engine, op: Op): Promise<boolean> {
  for (const draft of await engine.drafts.list()) {
    if (draft.supersedes === op.op && formOf(draft, op.agg.join(":"))) return true;
  }
  return false;
}

/** Return whether the record's form on this page waits for the result. */
function isAwaitedHere(op: Op): boolean {
  const { kind, url, draftKey } = op;
  return formOf({ kind, url, key: draftKey ?? "" }, op.agg.join(":"))?.saving === true;
}

const cachedPages = new Set<string>();

/**
 * Show a banner for a recently refused record whose form is not on this page. `sentHere` are the records that were unsent
 * while this page was open.
 */
export async function watchRefusals(engine: Engine, ops: readonly Op[], sentHere: ReadonlySet<string>): Promise<void> {
  const refused = ops.filter((op) => op.state === "rejected" || op.state === "conflict");
  const recent = refused.filter((op) => sentHere.has(op.op) || Date.now() - op.created < NEWS_MS);
  for (const op of recent) {
    if (!cachedPages.has(op.op)) cachePage(op);
    cachedPages.add(op.op);
  }
  if (one(document, "[data-outbox]")) return;
  for (const op of recent) {
    if (isAwaitedHere(op) || (await isOpenHere(engine, op))) continue;
    if (shown !== op.op) showBanner(engine, op);
    return;
  }
  hide(one(document, "#refused"), true);
  shown = null;
}
