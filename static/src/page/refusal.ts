import { isDecidedByOther } from "../engine/decision.ts";
import type { Draft, Engine, Op } from "../engine/types.ts";
import { hide, one } from "./dom.ts";
import { address, type FormState, formOf, refill } from "./draft.ts";
import { toast } from "./flash.ts";
import { reopenUrl } from "./outbox-rules.ts";
import { text } from "./texts.ts";
import { leavingSoon } from "./touch.ts";

/** Refused this long ago it is no news any more; the chip still says it. */
const NEWS = 15 * 60_000;

/** Opens a draft's form, here or on its page. */
export async function openDraft(draft: Draft, agg: string): Promise<void> {
  const state = formOf(draft, agg);
  if (state) {
    await refill(state, draft.key);
    return focusProblem(state.form);
  }
  const url = reopenUrl(draft);
  leavingSoon();
  location.assign(url);
  // The same page under another hash is not loaded by that.
  if (draft.url.split("#")[0] === address()) location.reload();
}

function focusProblem(form: HTMLFormElement): void {
  const bad = one(form, "[aria-invalid=true]:not(fieldset),[data-form-error]:not([hidden])") ?? form;
  if (!bad.matches("input,select,textarea")) bad.tabIndex = -1;
  bad.focus({ preventScroll: true });
  bad.scrollIntoView({ block: "center" });
}

/** The server's no is worth a moment; on a slow line the person goes on all the same. */
const ANSWER = 1500;

/** What the server said of the record, if it says it soon. */
function soonAnswered(engine: Engine, id: string): Promise<Op | undefined> {
  return new Promise((resolve) => {
    const end = (op?: Op) => {
      clearTimeout(late);
      stop();
      resolve(op);
    };
    const look = async () => {
      const op = await engine.get(id).catch(() => undefined);
      if (op && ["accepted", "held", "rejected", "conflict"].includes(op.state)) end(op);
    };
    const late = setTimeout(end, ANSWER);
    const stop = engine.subscribe(() => void look());
    void look();
  });
}

/**
 * Wait a moment for the server's answer to what was sent from this form. Refused, everything stays as typed with the
 * reasons at its fields; return whether that happened.
 */
export async function refusedSoon(engine: Engine, id: string, state: FormState): Promise<boolean> {
  const op = await soonAnswered(engine, id);
  if (op?.state !== "rejected" && op?.state !== "conflict") return false;
  const draft = await engine.reopen(id);
  await refill(state, draft.key);
  toast(text("refused.here"));
  focusProblem(state.form);
  return true;
}

function problemOf(op: Op): string {
  return Object.values(op.result?.problems ?? {}).flat()[0] ?? "";
}

/** Where the record is that somebody else decided, as the server said; only an address of this app is followed. */
function recordLink(op: Op): HTMLAnchorElement[] {
  const url = op.result?.current?.url;
  if (typeof url !== "string" || !/^\/[^/\\]/.test(url)) return [];
  const link = document.createElement("a");
  link.className = "btn ghost small";
  link.href = url;
  link.textContent = text("refused.record");
  return [link];
}

/** Nothing is left to decide: the record goes once its author has read why. */
function knownButton(engine: Engine, op: Op): HTMLButtonElement {
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
      // The card would come back with buttons for what is decided already.
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

function bannerFor(engine: Engine, op: Op): void {
  const strip = one(document, "#refused") ?? document.createElement("div");
  strip.id = "refused";
  strip.className = "strip bad";
  strip.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text("refused.banner", { title: op.title, why: problemOf(op) });
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
  strip.replaceChildren(words, ...(isDecidedByOther(op) ? [...recordLink(op), knownButton(engine, op)] : [button]));
  hide(strip, false);
  one(document, "#banner")?.after(strip);
  shown = op.op;
}

/** Its form's page has to open without a signal, too. The worker keeps what is fetched. */
function keepPage(op: Op): void {
  if (op.url.split("#")[0] === address()) return;
  void fetch(op.url, { headers: { Accept: "text/html" }, credentials: "same-origin" }).catch(() => {});
}

/** Whether its author is putting it right on this page. */
async function isOpenHere(engine: Engine, op: Op): Promise<boolean> {
  for (const draft of await engine.drafts.list()) {
    if (draft.supersedes === op.op && formOf(draft, op.agg.join(":"))) return true;
  }
  return false;
}

/** Its form is on this page and still waits for the answer. */
function isAwaitedHere(op: Op): boolean {
  const { kind, url, draftKey } = op;
  return formOf({ kind, url, key: draftKey ?? "" }, op.agg.join(":"))?.saving === true;
}

const kept = new Set<string>();

/**
 * Says at the top of the page what the server refused while its author was elsewhere. `sentHere` are the records that
 * were still unanswered when this page was open.
 */
export async function watchRefusals(engine: Engine, ops: readonly Op[], sentHere: ReadonlySet<string>): Promise<void> {
  const refused = ops.filter((op) => op.state === "rejected" || op.state === "conflict");
  const news = refused.filter((op) => sentHere.has(op.op) || Date.now() - op.created < NEWS);
  for (const op of news) {
    if (!kept.has(op.op)) keepPage(op);
    kept.add(op.op);
  }
  if (one(document, "[data-outbox]")) return;
  for (const op of news) {
    if (isAwaitedHere(op) || (await isOpenHere(engine, op))) continue;
    if (shown !== op.op) bannerFor(engine, op);
    return;
  }
  hide(one(document, "#refused"), true);
  shown = null;
}
