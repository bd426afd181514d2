/**
 * The newest facts this phone has seen of each record, one entry of Cache Storage each. The cache is named like the
 * pages of this person and is thrown away with them: all of it stands on the server's pages.
 */
import type { Json } from "../engine/types.ts";
import type { Fact } from "./facts.ts";
import { parseRendered } from "./pending.ts";

/** More than the pages that a phone keeps state. */
export const FACTS_MOST = 600;
const SELECTOR = "template[data-facts]";

function open(user: number): Promise<Cache> {
  return caches.open(`visited-${user}-facts`);
}

const address = (key: string) => `/__facts/${encodeURIComponent(key)}`;

async function read(cache: Cache, key: string): Promise<Fact | null> {
  const held = await cache.match(address(key));
  return held ? ((await held.json()) as Fact) : null;
}

/** What this phone knows of these keys. */
export async function factsOf(user: number, keys: readonly string[]): Promise<Map<string, Fact>> {
  const known = new Map<string, Fact>();
  const cache = await open(user);
  for (const key of keys) {
    const fact = await read(cache, key).catch(() => null);
    if (fact) known.set(key, fact);
  }
  return known;
}

/** What a page or a part of it states, with the time as of which it is true. */
export function statedIn(root: ParentNode): Map<string, Fact> {
  const stated = new Map<string, Fact>();
  for (const template of root.querySelectorAll<HTMLTemplateElement>(SELECTOR)) {
    const around = template.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
    const at = parseRendered(around.dataset.rendered ?? "");
    for (const [key, value] of Object.entries(
      JSON.parse(template.content.textContent || "{}") as { [key: string]: Json },
    )) {
      const before = stated.get(key);
      if (!before || before.at < at) stated.set(key, { at, value });
    }
  }
  return stated;
}

/** Keeps what is newer than what is known, and of all the newest ones. Returns how many records look different from what was known of them. */
export async function keepFacts(user: number, stated: ReadonlyMap<string, Fact>): Promise<number> {
  if (stated.size === 0) return 0;
  const cache = await open(user);
  let news = 0;
  for (const [key, fact] of stated) {
    const before = await read(cache, key).catch(() => null);
    if (before && before.at >= fact.at) continue;
    if (JSON.stringify(before?.value) !== JSON.stringify(fact.value)) news++;
    // Cache Storage lists entries in the order they came.
    await cache.delete(address(key));
    await cache.put(
      address(key),
      new Response(JSON.stringify(fact), { headers: { "Content-Type": "application/json" } }),
    );
  }
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - FACTS_MOST))) await cache.delete(old);
  return news;
}

/** The facts of a page that was brought without being shown. */
export async function keepFactsOfPage(user: number, html: string): Promise<void> {
  const page = new DOMParser().parseFromString(html, "text/html");
  const at = page.documentElement.dataset.rendered ?? "";
  const stated = new Map<string, Fact>();
  for (const template of page.querySelectorAll<HTMLTemplateElement>(SELECTOR)) {
    const facts = JSON.parse(template.content.textContent || "{}") as { [key: string]: Json };
    for (const [key, value] of Object.entries(facts)) stated.set(key, { at: parseRendered(at), value });
  }
  await keepFacts(user, stated);
}
