/**
 * Newest facts about each record that pages on this phone stated, in Cache Storage. The cache is deleted with the person's
 * cached pages, from which it can be rebuilt.
 */
import type { Json } from "../engine/types.ts";
import type { Fact } from "./facts.ts";
import { parseRendered } from "./pending.ts";

/** More than all cached pages together state. */
export const MAX_FACTS = 600;
const SELECTOR = "template[data-facts]";

function open(user: number): Promise<Cache> {
  return caches.open(`visited-${user}-facts`);
}

const address = (key: string) => `/__facts/${encodeURIComponent(key)}`;

async function read(cache: Cache, key: string): Promise<Fact | null> {
  const response = await cache.match(address(key));
  return response ? ((await response.json()) as Fact) : null;
}

/** Load the facts of these keys. */
export async function loadFacts(user: number, keys: readonly string[]): Promise<Map<string, Fact>> {
  const facts = new Map<string, Fact>();
  const cache = await open(user);
  for (const key of keys) {
    const fact = await read(cache, key).catch(() => null);
    if (fact) facts.set(key, fact);
  }
  return facts;
}

/** Return the facts that a page or part states, with its rendering time. */
export function factsIn(root: ParentNode): Map<string, Fact> {
  const facts = new Map<string, Fact>();
  for (const template of root.querySelectorAll<HTMLTemplateElement>(SELECTOR)) {
    const around = template.closest<HTMLElement>("[data-rendered]") ?? document.documentElement;
    const at = parseRendered(around.dataset.rendered ?? "");
    for (const [key, value] of Object.entries(
      JSON.parse(template.content.textContent || "{}") as { [key: string]: Json },
    )) {
      const earlier = facts.get(key);
      if (!earlier || earlier.at < at) facts.set(key, { at, value });
    }
  }
  return facts;
}

/** Store facts newer than the stored ones and delete the oldest over the limit. Return how many values changed. */
export async function storeFacts(user: number, facts: ReadonlyMap<string, Fact>): Promise<number> {
  if (facts.size === 0) return 0;
  const cache = await open(user);
  let changed = 0;
  for (const [key, fact] of facts) {
    const earlier = await read(cache, key).catch(() => null);
    if (earlier && earlier.at >= fact.at) continue;
    if (JSON.stringify(earlier?.value) !== JSON.stringify(fact.value)) changed++;
    // Cache Storage lists entries in the order they came.
    await cache.delete(address(key));
    await cache.put(
      address(key),
      new Response(JSON.stringify(fact), { headers: { "Content-Type": "application/json" } }),
    );
  }
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MAX_FACTS))) await cache.delete(old);
  return changed;
}

/** Store the facts of a page that was fetched without being shown. */
export async function keepFactsOfPage(user: number, html: string): Promise<void> {
  const page = new DOMParser().parseFromString(html, "text/html");
  const at = page.documentElement.dataset.rendered ?? "";
  const facts = new Map<string, Fact>();
  for (const template of page.querySelectorAll<HTMLTemplateElement>(SELECTOR)) {
    const values = JSON.parse(template.content.textContent || "{}") as { [key: string]: Json };
    for (const [key, value] of Object.entries(values)) facts.set(key, { at: parseRendered(at), value });
  }
  await storeFacts(user, facts);
}
