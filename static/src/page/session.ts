import { type Engine, StorageFull, StorageUnavailable } from "../engine/types.ts";
import { one } from "./dom.ts";
import { watchStorage } from "./storage-watch.ts";
import { text } from "./texts.ts";

/** What the server wrote on <html>, and the engine once it is open. */
export interface Session {
  userId: number | null;
  instance: string;
  build: string;
  /** Resolves to null when nobody is signed in or this browser cannot keep anything. */
  readonly engine: Promise<Engine | null>;
  /** The same for a tap, which may come before and must not wait for ever: null, too, while a start takes too long. */
  readonly ready: Promise<Engine | null>;
  resolveEngine(engine: Engine | null): void;
  /** The start waits for the server here, not for the storage. */
  whileAsking<T>(answer: Promise<T>): Promise<T>;
  /** This page is left for the one its form names: what can still be taken back can be so there. */
  goesOn: boolean;
  /** Set when storing is impossible: forms then go the ordinary way. */
  broken: boolean;
}

const root = document.documentElement;
const user = Number(root.dataset.user);

/** A start that takes longer says so, and forms go the ordinary way until it is over. */
const SLOW_MS = 5000;

let resolveEngine: Session["resolveEngine"] = () => {};
const engine = new Promise<Engine | null>((resolve) => {
  resolveEngine = resolve;
});
let slow = false;
const late = () => new Promise<null>((resolve) => setTimeout(() => resolve(null), SLOW_MS));
const overdue = late();
const { whileAsking, end } = watchStorage(late, () => {
  slow = true;
  banner(text("storage.hangs"));
});
void engine.then((opened) => {
  end();
  if (slow && opened) banner("");
});

export const session: Session = {
  userId: Number.isSafeInteger(user) && user > 0 ? user : null,
  instance: root.dataset.instance ?? "",
  build: root.dataset.build ?? "",
  engine,
  get ready() {
    return Promise.race([engine, overdue]);
  },
  resolveEngine,
  whileAsking,
  goesOn: false,
  broken: false,
};

/** Nothing may look saved that is not: forms are given back to the browser and the person is told. */
export function giveUpStoring(error: unknown): void {
  session.broken = true;
  root.dataset.plain = "";
  session.resolveEngine(null);
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-op]")) form.noValidate = false;
  banner(text(whyNot(error)));
}

function whyNot(error: unknown): string {
  if (error instanceof StorageFull) return "storage.no_room";
  if (error instanceof StorageUnavailable && error.hangs) return error.unsure ? "storage.unsure" : "storage.hangs";
  // An older tab holds the database: nothing is broken and nothing is full.
  return /blocked|no answer/.test(String(error)) ? "storage.blocked" : "storage.unavailable";
}

export function banner(message: string): void {
  const where = one(document, "#banner");
  if (!where) return;
  where.textContent = message;
  where.hidden = message === "";
}
