import { type Engine, StorageFull } from "../engine/types.ts";
import { one } from "./dom.ts";
import { text } from "./texts.ts";

/** What the server wrote on <html>, and the engine once it is open. */
export interface Session {
  userId: number | null;
  instance: string;
  build: string;
  /** Resolves to null when nobody is signed in or this browser cannot keep anything; a tap may come before. */
  readonly engine: Promise<Engine | null>;
  resolveEngine(engine: Engine | null): void;
  /** This page is left for the one its form names: what can still be taken back can be so there. */
  goesOn: boolean;
  /** Set when storing is impossible: forms then go the ordinary way. */
  broken: boolean;
}

const root = document.documentElement;
const user = Number(root.dataset.user);

let resolveEngine: Session["resolveEngine"] = () => {};
const engine = new Promise<Engine | null>((resolve) => {
  resolveEngine = resolve;
});

export const session: Session = {
  userId: Number.isSafeInteger(user) && user > 0 ? user : null,
  instance: root.dataset.instance ?? "",
  build: root.dataset.build ?? "",
  engine,
  resolveEngine,
  goesOn: false,
  broken: false,
};

/** Nothing may look saved that is not: forms are given back to the browser and the person is told. */
export function giveUpStoring(error: unknown): void {
  session.broken = true;
  root.dataset.plain = "";
  session.resolveEngine(null);
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-op]")) form.noValidate = false;
  // An older tab holds the database: nothing is broken and nothing is full.
  const blocked = /blocked|no answer/.test(String(error));
  banner(text(error instanceof StorageFull ? "storage.no_room" : blocked ? "storage.blocked" : "storage.unavailable"));
}

export function banner(message: string): void {
  const where = one(document, "#banner");
  if (!where) return;
  where.textContent = message;
  where.hidden = message === "";
}
