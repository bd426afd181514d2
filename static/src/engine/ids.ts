/** Ids and references that are made without network. */
import { hex } from "./bytes.ts";

/** Return a time-ordered id, so that the server's index grows at its end. Nothing relies on the order. */
export function uuidv7(now: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let rest = Math.max(0, Math.floor(now));
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return dashed(bytes, 0x70);
}

export function uuid4(): string {
  return dashed(crypto.getRandomValues(new Uint8Array(16)), 0x40);
}

function dashed(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | version;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = hex(bytes);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

/** Return an id for the lifetime of a database, so that a restarted counter never collides with an earlier one. */
export function newEpoch(): string {
  return hex(crypto.getRandomValues(new Uint8Array(4)));
}

/** Without I, O, 0, 1: people read references aloud and copy them by hand. */
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ";
const SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

export function deviceCode(deviceId: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < deviceId.length; i++) hash = Math.imul(hash ^ deviceId.charCodeAt(i), 0x01000193) >>> 0;
  const first = LETTERS.charAt(hash % LETTERS.length);
  return first + SIGNS.charAt(Math.floor(hash / LETTERS.length) % SIGNS.length);
}

export function reference(code: string, seq: number): string {
  return `${code}-${String(seq).padStart(4, "0")}`;
}
