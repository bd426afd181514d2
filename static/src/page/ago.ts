import { all } from "./dom.ts";

const MINUTE = 60_000;

/** Return how long ago `at` was, in the page's language; less than a minute counts as one. */
export function ago(at: number, now = Date.now()): string {
  const minutes = Math.min(-1, Math.round((at - now) / MINUTE));
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
  if (minutes > -60) return format.format(minutes, "minute");
  if (minutes > -1440) return format.format(Math.round(minutes / 60), "hour");
  return format.format(Math.round(minutes / 1440), "day");
}

/** Write into `<time data-ago>` how long ago it was: the server's page does not follow the clock. */
export function fillAges(): void {
  for (const element of all<HTMLTimeElement>(document, "time[data-ago]")) {
    const at = Date.parse(element.dateTime);
    if (!at) continue;
    element.title ||= element.textContent ?? "";
    const words = ago(at);
    if (element.textContent !== words) element.textContent = words;
  }
}

// Once for each page, when the first one needs it.
setInterval(fillAges, MINUTE);
