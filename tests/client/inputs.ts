/** What people make, as the page would hand it over. */
import type { CaptureInput, JsonObject } from "../../static/src/engine/types.ts";
import type { Tab } from "./harness.ts";

let made = 0;

export function newId(): string {
  made++;
  return `0193a0b2-0000-7000-8000-${String(made).padStart(12, "0")}`;
}

/** An expense as the form would hand it over. */
export function expense(over: Partial<CaptureInput> = {}, data: JsonObject = {}): CaptureInput {
  const id = newId();
  return {
    kind: "expense_item.capture",
    schema: 1,
    agg: ["expense_item", id],
    base: null,
    data: { id, kind: "local_transport", amount: "46.00", spent_on: "2026-11-22", note: "bus", ...data },
    title: "Expense",
    url: "/expenses/new",
    draftKey: null,
    fields: { amount: "46.00", note: "bus" },
    ...over,
  };
}

/** Something that happened at an existing visit. */
export function visit(kind: string, id: string, data: JsonObject = {}): CaptureInput {
  return expense({ kind, agg: ["visit", id], data, title: kind, url: `/visits/${id}` });
}

export function photo(size = 1000, fill = 7): { name: string; mime: string; role: string; bytes: Uint8Array } {
  const bytes = new Uint8Array(size).map((_, i) => (i * 31 + fill) % 256);
  return { name: "receipt.jpg", mime: "image/jpeg", role: "receipt", bytes };
}

export async function states(tab: Tab): Promise<string[]> {
  return (await tab.engine.list()).reverse().map((op) => op.state);
}
