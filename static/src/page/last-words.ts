import type { Fields } from "./form-data.ts";

/**
 * A page that is being left cannot wait for a database: what was typed in its last moments goes into localStorage,
 * which is written before the page is gone, and is taken up when the form opens again.
 */
interface Words {
  fields: Fields;
  /** The form had a draft in the store; if that is gone by now it was sent, and these words with it. */
  stored: boolean;
  at: number;
}

const name = (user: number, key: string) => `fieldapp-typed-${user}-${key}`;

export function leaveWords(user: number, key: string, fields: Fields, stored: boolean): void {
  try {
    localStorage.setItem(name(user, key), JSON.stringify({ fields, stored, at: Date.now() } satisfies Words));
  } catch {
    // Full or forbidden: the draft of up to 300 ms ago is still there.
  }
}

export function forgetWords(user: number, key: string): void {
  try {
    localStorage.removeItem(name(user, key));
  } catch {
    // as above
  }
}

/** The fields typed after the draft was last saved, if there are any; given out once. */
export function takeWords(user: number, key: string, draftSaved: number | null): Fields | null {
  try {
    const words = JSON.parse(localStorage.getItem(name(user, key)) ?? "null") as Words | null;
    forgetWords(user, key);
    if (!words) return null;
    if (draftSaved === null) return words.stored ? null : words.fields;
    return words.at >= draftSaved ? words.fields : null;
  } catch {
    return null;
  }
}
