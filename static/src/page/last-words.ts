import type { Draft, Engine } from "../engine/types.ts";

/**
 * A page that is being left cannot wait for a database: what was typed in its last moments goes into localStorage,
 * which is written before the page is gone. The next page, or this one once it is back, makes drafts of it.
 */
interface Words {
  draft: Omit<Draft, "updated" | "state">;
  /** The form had a draft in the store; if that is gone by now it was sent or emptied, and these words with it. */
  stored: boolean;
  /** How often this key had been sent; if it was sent since, these words went with it. */
  gen: number;
  at: number;
  /** Typed before the draft was read: only these fields are newer than it. */
  isPart?: boolean;
}

const name = (user: number, key: string) => `fieldapp-typed-${user}-${key}`;

/** False where nothing could be left: full or forbidden. */
export function leaveWords(engine: Engine, draft: Words["draft"], stored: boolean, isPart: boolean): boolean {
  const gen = engine.drafts.generation(draft.key);
  const at = name(engine.userId, draft.key);
  try {
    let words: Words = { draft, stored, gen, at: Date.now(), isPart };
    // What an earlier page left may still lie there: a part is newer than it, not instead of it.
    const left = isPart && (JSON.parse(localStorage.getItem(at) ?? "0") as Words);
    if (left && left.gen === gen) {
      const fields = { ...left.draft.fields, ...draft.fields };
      words = { ...left, at: words.at, draft: { ...left.draft, fields } };
    }
    localStorage.setItem(at, JSON.stringify(words));
    return true;
  } catch {
    return false; // The draft of up to 300 ms ago is still there.
  }
}

export function forgetWords(user: number, key: string): void {
  try {
    localStorage.removeItem(name(user, key));
  } catch {
    // as above
  }
}

async function adopt(engine: Engine, { draft, stored, gen, at, isPart }: Words): Promise<void> {
  const held = await engine.drafts.load(draft.key);
  const sent = gen !== engine.drafts.generation(draft.key) || (stored && !held);
  if (sent || at < (held?.updated ?? 0)) return;
  await engine.drafts.save(isPart && held ? { ...held, fields: { ...held.fields, ...draft.fields } } : draft);
}

/** Before any form is filled in. What cannot be kept now stays where it is. */
export async function adoptWords(engine: Engine): Promise<void> {
  const mine = (at: string) => at.startsWith(name(engine.userId, ""));
  for (const at of leftNames().filter(mine)) {
    try {
      const left = localStorage.getItem(at);
      await adopt(engine, JSON.parse(left ?? "") as Words);
      if (localStorage.getItem(at) === left) localStorage.removeItem(at);
    } catch {
      // The form says itself what it cannot keep.
    }
  }
}

function leftNames(): string[] {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
