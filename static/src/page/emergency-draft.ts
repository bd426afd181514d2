import type { Draft, Engine } from "../engine/types.ts";

/**
 * Input that is saved to localStorage as the page is left, because IndexedDB would not finish in time. The next page, or
 * this one when it is shown again, turns it into a draft.
 */
interface EmergencyDraft {
  draft: Omit<Draft, "updated" | "state">;
  /** The store had a draft; if it is gone, the form was submitted or discarded and this entry is obsolete. */
  stored: boolean;
  /** Generation of the draft; if it was submitted since, this entry is obsolete. */
  gen: number;
  at: number;
  /** Typed before the draft was loaded: only these fields are newer than it. */
  isPart?: boolean;
}

const keyOf = (user: number, key: string) => `fieldapp-typed-${user}-${key}`;

/** Save the form's input. Return false if localStorage is full or blocked. */
export function saveEmergencyDraft(
  engine: Engine,
  draft: EmergencyDraft["draft"],
  stored: boolean,
  isPart: boolean,
): boolean {
  const gen = engine.drafts.generation(draft.key);
  const storageKey = keyOf(engine.userId, draft.key);
  try {
    let entry: EmergencyDraft = { draft, stored, gen, at: Date.now(), isPart };
    // Merge into an entry that an earlier page left and nobody restored yet.
    const earlier = isPart && (JSON.parse(localStorage.getItem(storageKey) ?? "0") as EmergencyDraft);
    if (earlier && earlier.gen === gen) {
      const fields = { ...earlier.draft.fields, ...draft.fields };
      entry = { ...earlier, at: entry.at, draft: { ...earlier.draft, fields } };
    }
    localStorage.setItem(storageKey, JSON.stringify(entry));
    return true;
  } catch {
    return false; // The last saved draft is at most 300 ms old.
  }
}

export function deleteEmergencyDraft(user: number, key: string): void {
  try {
    localStorage.removeItem(keyOf(user, key));
  } catch {
    // as above
  }
}

async function restoreDraft(engine: Engine, { draft, stored, gen, at, isPart }: EmergencyDraft): Promise<void> {
  const existing = await engine.drafts.load(draft.key);
  const isObsolete = gen !== engine.drafts.generation(draft.key) || (stored && !existing);
  if (isObsolete || at < (existing?.updated ?? 0)) return;
  await engine.drafts.save(
    isPart && existing ? { ...existing, fields: { ...existing.fields, ...draft.fields } } : draft,
  );
}

/** Turn all entries of this user into drafts, before forms are filled. An entry that cannot be saved stays. */
export async function restoreEmergencyDrafts(engine: Engine): Promise<void> {
  const isOwn = (storageKey: string) => storageKey.startsWith(keyOf(engine.userId, ""));
  for (const storageKey of storageKeys().filter(isOwn)) {
    try {
      const entry = localStorage.getItem(storageKey);
      await restoreDraft(engine, JSON.parse(entry ?? "") as EmergencyDraft);
      if (localStorage.getItem(storageKey) === entry) localStorage.removeItem(storageKey);
    } catch {
      // The form reports its own storage errors.
    }
  }
}

function storageKeys(): string[] {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
