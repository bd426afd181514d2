import { type Engine, StorageFull, StorageUnavailable } from "../engine/types.ts";
import { one } from "./dom.ts";
import { watchStorage } from "./storage-watch.ts";
import { text } from "./texts.ts";

/** Values the server wrote on <html>, and the engine once it is open. */
export interface Session {
  userId: number | null;
  instance: string;
  build: string;
  /** Null when nobody is signed in or this browser cannot store anything. */
  readonly engine: Promise<Engine | null>;
  /** Like `engine`, but also null if opening takes too long; for submits. */
  readonly ready: Promise<Engine | null>;
  resolveEngine(engine: Engine | null): void;
  /** Pause the storage timeout while a server request runs. */
  pauseWhile<T>(answer: Promise<T>): Promise<T>;
  /** The page navigates to its form's next page, which restores the holds. */
  isNavigating: boolean;
  /** Storage is unavailable: forms are submitted without the outbox. */
  broken: boolean;
}

const root = document.documentElement;
const user = Number(root.dataset.user);

/** After this time a banner is shown, and forms are submitted without the outbox until the engine is open. */
const SLOW_MS = 5000;

let resolveEngine: Session["resolveEngine"] = () => {};
const engine = new Promise<Engine | null>((resolve) => {
  resolveEngine = resolve;
});
let isSlow = false;
const timeout = () => new Promise<null>((resolve) => setTimeout(() => resolve(null), SLOW_MS));
const openTimeout = timeout();
const { pauseWhile, end } = watchStorage(timeout, () => {
  isSlow = true;
  banner(text("storage.hangs"));
});
void engine.then((opened) => {
  end();
  if (isSlow && opened) banner("");
});

export const session: Session = {
  userId: Number.isSafeInteger(user) && user > 0 ? user : null,
  instance: root.dataset.instance ?? "",
  build: root.dataset.build ?? "",
  engine,
  get ready() {
    return Promise.race([engine, openTimeout]);
  },
  resolveEngine,
  pauseWhile,
  isNavigating: false,
  broken: false,
};

/** Disable the outbox: forms are submitted natively and a banner says why. */
export function disableStorage(error: unknown): void {
  session.broken = true;
  root.dataset.plain = "";
  session.resolveEngine(null);
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-op]")) form.noValidate = false;
  banner(text(whyNot(error)));
}

function whyNot(error: unknown): string {
  if (error instanceof StorageFull) return "storage.no_room";
  if (error instanceof StorageUnavailable && error.hangs) return error.unsure ? "storage.unsure" : "storage.hangs";
  // An older tab blocks the database.
  return /blocked|no answer/.test(String(error)) ? "storage.blocked" : "storage.unavailable";
}

export function banner(message: string): void {
  const where = one(document, "#banner");
  if (!where) return;
  where.textContent = message;
  where.hidden = message === "";
}
