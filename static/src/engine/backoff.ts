/** Delay after the n-th failure. Retrying never ends. */

const FIRST_MS = 2_000;
const LONGEST_MS = 5 * 60_000;
/** Lower limit, as full jitter may draw zero. */
const LEAST_MS = 250;
export const PARKED_MS = 3_600_000;

export function backoff(failures: number, random: number): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(Math.max(failures - 1, 0), 20));
  return Math.max(LEAST_MS, Math.round(random * most));
}
