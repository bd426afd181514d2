/**
 * Who this phone shows pages for, in the one place that both the page and the service worker can read: an entry of
 * Cache Storage. `pack` and `previous` name the caches of this person's offline pages.
 */
export interface Active {
  user: number | null;
  pack: string | null;
  previous: string | null;
  locked: boolean;
  /** Logged out without network: a session the server still knows does not open these pages again. */
  leaving: boolean;
  /** When the pack was last asked for, ms since 1970. */
  checked: number;
  /** When the server gave out the pack's list, by its own clock: what it gave later is newer than the pack. */
  asOf: number;
}

/** When the server gave this answer, by its own clock, ms since 1970; 0 where it does not say. */
export function givenAt(response: Response): number {
  return Date.parse(response.headers.get("Date") ?? "") || 0;
}

export const STATE_CACHE = "fieldapp-state";
const STATE_URL = "/__state/active";
export const NOBODY: Active = {
  user: null,
  pack: null,
  previous: null,
  locked: false,
  leaving: false,
  checked: 0,
  asOf: 0,
};

export async function readActive(): Promise<Active> {
  try {
    const response = await (await caches.open(STATE_CACHE)).match(STATE_URL);
    return response ? { ...NOBODY, ...((await response.json()) as Partial<Active>) } : NOBODY;
  } catch {
    return NOBODY;
  }
}

export async function writeActive(patch: Partial<Active>): Promise<Active> {
  const next = { ...(await readActive()), ...patch };
  const body = new Response(JSON.stringify(next), { headers: { "Content-Type": "application/json" } });
  await (await caches.open(STATE_CACHE)).put(STATE_URL, body);
  return next;
}

/** Caches that may be thrown away, by owner. The outbox is none of them and is never matched here. */
const DISPOSABLE = /^(?:pack|visited|files)-(\d+)(?:-|$)/;

export function ownerOf(cacheName: string): number | null {
  const match = DISPOSABLE.exec(cacheName);
  return match ? Number(match[1]) : null;
}

/** Removes disposable pages: of one person, or of everybody but one. */
export async function forgetPages(which: (owner: number) => boolean): Promise<void> {
  for (const name of await caches.keys()) {
    const owner = ownerOf(name);
    if (owner !== null && which(owner)) await caches.delete(name);
  }
}
