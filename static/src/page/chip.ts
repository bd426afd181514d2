import type { Counts, Engine, Link } from "../engine/types.ts";
import { one } from "./dom.ts";
import { shortTime, text } from "./texts.ts";

export interface ChipLook {
  key: string;
  n: number;
  look: "" | "wait" | "bad" | "calm";
}

/** Choose what the chip shows: the most urgent state. */
export function chipFor(counts: Counts, link: Link, now = Date.now()): ChipLook {
  const { unsent, attention, photos, oldest } = counts;
  if (link === "sign_in" || link === "wrong_user") return { key: "chip.sign_in", n: unsent, look: "bad" };
  if (attention > 0) return { key: "chip.attention", n: attention, look: "bad" };
  // Older than a day: not just a missing signal (failure mode 32).
  if (oldest !== null && now - oldest > 86_400_000) return { key: "chip.old", n: unsent, look: "bad" };
  if (link === "foreign") return { key: "chip.foreign", n: unsent, look: "wait" };
  if (unsent > 0) return { key: link === "offline" ? "chip.offline_pending" : "chip.pending", n: unsent, look: "wait" };
  if (photos > 0) return { key: "chip.photos", n: photos, look: "wait" };
  return link === "offline" ? { key: "chip.offline", n: 0, look: "calm" } : { key: "chip.synced", n: 0, look: "" };
}

let lastMessage = "";

/** Update the chip, the live region and the app badge. Return the counts. */
export async function updateChip(engine: Engine): Promise<Counts> {
  const counts = await engine.counts();
  const { key, n, look } = chipFor(counts, engine.link());
  const since = counts.oldest === null ? "" : shortTime(counts.oldest);
  const message = text(key, { n, time: since });
  const chip = one(document, "#sync-chip");
  const label = chip ? (one(chip, "[data-chip-text]") ?? chip) : null;
  if (chip && label) {
    label.textContent = message;
    chip.classList.remove("wait", "bad", "calm");
    if (look) chip.classList.add(look);
    chip.title = since && text("chip.since", { time: since });
  }
  // Announce only changes on this page.
  const status = one(document, "#sync-live");
  if (status && lastMessage && lastMessage !== message) status.textContent = message;
  lastMessage = message;
  badge(counts.unsent + counts.attention);
  return counts;
}

function badge(n: number): void {
  if (!("setAppBadge" in navigator)) return;
  (n > 0 ? navigator.setAppBadge(n) : navigator.clearAppBadge()).catch(() => {});
}
