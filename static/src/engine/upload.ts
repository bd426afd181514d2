/** Photos, in pieces. The server's offset is the truth; a cut costs one piece at most. */
import { base64, sha256, sha256Hex, utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import { release } from "./release.ts";
import { judgeBare, type Reply, type Verdict } from "./reply.ts";
import { type AttachmentRow, setMeta } from "./user-db.ts";
import { type Ask, ask, REQUEST_MS } from "./wire.ts";

export type Uploaded =
  | { is: "stored" }
  | { is: "lost" }
  /** A piece arrived and more is to come: whatever is more urgent goes first now. */
  | { is: "going" }
  /** This photo later, others may go on. */
  | { is: "later"; status: number }
  | Exclude<Verdict, { is: "json" } | { is: "status" }>;

/** Shrinks where the network does not carry a whole piece in time, and grows where it does so easily. */
export interface Piece {
  size: number;
  most: number;
  /** Where the server said the photo under way goes on; gone with the page, then the server is asked. */
  at: { id: string; offset: number } | null;
}

/** Known only once a piece went through: slow networks would lose half a minute on each larger guess. */
export const FIRST_PIECE = 128 << 10;
const LEAST = 16 << 10;
const ROOT = "/sync/attachments";
const TUS = { "Tus-Resumable": "1.0.0" };

type Answer = { status: number; headers: Headers } | { stop: Uploaded };

export async function upload(ctx: Context, photo: AttachmentRow, piece: Piece, signal: AbortSignal): Promise<Uploaded> {
  const bytes = (await ctx.mirror.read("att", photo.id))?.bytes;
  if (!bytes || bytes.length !== photo.size || (await sha256Hex(bytes)) !== photo.sha256) {
    return tellLost(ctx, photo, signal);
  }
  let at = photo.url;
  let offset = piece.at?.id === photo.id ? piece.at.offset : null;
  piece.at = null;
  let judged: "stored" | "refused" | null = null;
  let repeats = 0;
  for (;;) {
    if (judged && offset === photo.size) return finish(ctx, photo, judged);
    if (repeats > 3) return { is: "later", status: 0 };
    let answer: Answer;
    let sent = 0;
    const start = ctx.surroundings.now();
    if (at === null) answer = await call(ctx, creation(photo), signal);
    else if (offset === null || offset >= photo.size) answer = await call(ctx, { method: "HEAD", path: at }, signal);
    else {
      const part = bytes.subarray(offset, offset + piece.size);
      sent = part.length;
      answer = await call(ctx, await patch(at, offset, part), signal);
    }
    if ("stop" in answer) {
      if (sent > 0 && (answer.stop.is === "unreachable" || answer.stop.is === "too_large")) {
        // One piece, once: a server that can never take it is asked again later, not in a loop.
        const smaller = Math.max(LEAST, Math.floor(piece.size / 2));
        const shrank = smaller < piece.size;
        piece.size = smaller;
        if (answer.stop.is === "too_large" && shrank) continue;
      }
      return answer.stop.is === "too_large" ? { is: "later", status: 413 } : answer.stop;
    }
    const { status, headers } = answer;
    if (status === 404 || status === 410) {
      if (at === null) return { is: "later", status };
      at = null;
      offset = null;
      repeats++;
    } else if (status === 409 || status === 460) {
      offset = null;
      repeats++;
    } else if (status >= 200 && status < 300) {
      const told = offsetOf(headers, photo.size);
      const place = at ?? placeOf(headers);
      if (told === null || place === null) return { is: "later", status };
      // Complete without the word "stored": the hash is still being judged, or disagreed.
      repeats = sent > 0 && told > (offset ?? 0) ? 0 : repeats + 1;
      const state = headers.get("X-Attachment-State");
      judged = state === "stored" || state === "refused" ? state : null;
      offset = told;
      at = place;
      if (sent > 0) fit(piece, ctx.surroundings.now() - start);
      await update(ctx, photo.id, { state: "sending", sent: told, url: place });
      await ctx.surroundings.point("upload:piece");
      if (sent > 0 && repeats === 0 && told < photo.size) {
        piece.at = { id: photo.id, offset: told };
        return { is: "going" };
      }
    } else return { is: "later", status };
  }
}

/** fetch tells nothing while a body is on its way, so a piece must end well before the request is given up. */
function fit(piece: Piece, tookMs: number): void {
  if (tookMs < REQUEST_MS / 4) piece.size = Math.min(piece.most, piece.size * 2);
  else if (tookMs > REQUEST_MS / 2) piece.size = Math.max(LEAST, piece.size >> 1);
}

/** The record stands without it. Server and people learn of it, as soon as somebody can be told. */
async function tellLost(ctx: Context, photo: AttachmentRow, signal: AbortSignal): Promise<Uploaded> {
  await update(ctx, photo.id, { state: "lost_on_device" });
  await release(ctx, photo.op ?? "");
  const answer = await call(ctx, { method: "POST", path: `${ROOT}/${photo.id}/lost` }, signal);
  if ("stop" in answer) return answer.stop;
  if (answer.status !== 204) return { is: "later", status: answer.status };
  // "stored": it arrived earlier, only the answer was lost.
  const here = answer.headers.get("X-Attachment-State") === "stored";
  await update(ctx, photo.id, here ? { state: "stored", sent: photo.size } : { told: true });
  return { is: "lost" };
}

async function call(ctx: Context, request: Ask, signal: AbortSignal): Promise<Answer> {
  const reply = await ask(ctx, { ...request, headers: { ...TUS, ...request.headers } }, signal);
  const verdict = judgeBare(reply as Reply | null, ctx.instance, ctx.surroundings.now());
  if (verdict.is === "status" && reply) return { status: verdict.status, headers: reply.headers };
  if (verdict.is === "json" || verdict.is === "status") return { stop: { is: "unreachable" } };
  return { stop: verdict };
}

function creation(photo: AttachmentRow): Ask {
  const words = [
    ["id", photo.id],
    ["op", photo.op ?? ""],
    ["sha256", photo.sha256],
    ["filename", photo.name],
    ["filetype", photo.mime],
    ["role", photo.role],
  ];
  const metadata = words.map(([name, value]) => `${name} ${base64(utf8(value ?? ""))}`.trim()).join(",");
  const headers = { "Upload-Length": String(photo.size), "Upload-Metadata": metadata };
  return { method: "POST", path: ROOT, headers };
}

async function patch(path: string, offset: number, part: Uint8Array): Promise<Ask> {
  const headers = {
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": String(offset),
    "Upload-Checksum": `sha256 ${base64(await sha256(part))}`,
  };
  // A copy of exactly this piece: a view could send the whole buffer.
  return { method: "PATCH", path, headers, body: part.slice() };
}

function offsetOf(headers: Headers, size: number): number | null {
  const text = headers.get("Upload-Offset") ?? "";
  return /^\d+$/.test(text) && Number(text) <= size ? Number(text) : null;
}

/** Bytes go to our own upload folder and nowhere else, whatever an answer says. */
function placeOf(headers: Headers): string | null {
  const location = headers.get("Location");
  if (!location) return null;
  try {
    const { pathname } = new URL(location, "https://phone.invalid/");
    return pathname.startsWith(`${ROOT}/`) ? pathname : null;
  } catch {
    return null;
  }
}

async function finish(ctx: Context, photo: AttachmentRow, state: "stored" | "refused"): Promise<Uploaded> {
  await update(ctx, photo.id, { state, sent: photo.size });
  await ctx.surroundings.point("upload:stored");
  // The record may still be refused while it is held: its author would need the photo again.
  await release(ctx, photo.op ?? "");
  return { is: "stored" };
}

async function update(ctx: Context, id: string, change: Partial<AttachmentRow>): Promise<void> {
  await ctx.db.run(["attachments", "meta"], "readwrite", async (tx) => {
    const row = await tx.objectStore("attachments").get(id);
    if (row) await tx.objectStore("attachments").put({ ...row, ...change });
    if (change.state !== "sending") await setMeta(tx, "photo_at", ctx.surroundings.now());
  });
  ctx.changed();
}
