/** Bytes and hashes. */

const encoder = new TextEncoder();

export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Return the bytes on a plain ArrayBuffer: the only kind that every browser accepts as body or hash input. */
export function plain(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes);
}

export async function sha256(input: string | Uint8Array): Promise<Bytes> {
  const bytes = typeof input === "string" ? utf8(input) : plain(input);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export async function sha256Hex(input: string | Uint8Array): Promise<string> {
  return hex(await sha256(input));
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
