/** Upload photos in chunks (tus). The server's offset decides where to continue; a cut costs at most one chunk. */
import { base64, sha256, sha256Hex, utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import { classifyUploadReply, type Reply, type ReplyClass } from "./reply.ts";
import { dropMirrorCopy } from "./retention.ts";
import { type AttachmentRow, setMeta } from "./user-db.ts";
import { REQUEST_MS, type RequestSpec, sendRequest } from "./wire.ts";

export type UploadOutcome =
  | { is: "stored" }
  | { is: "lost" }
  /** A chunk arrived and more follow; records are sent in between. */
  | { is: "going" }
  /** Try this photo later and others now. */
  | { is: "later"; status: number }
  | Exclude<ReplyClass, { is: "json" } | { is: "status" }>;

/** Chunk size, adapted to the network's speed. */
export interface ChunkState {
  size: number;
  most: number;
  /** Offset at which the current photo continues; after a page load the server is asked. */
  next: { id: string; offset: number } | null;
}

/** Small at first: on a slow network every chunk that is too large costs a request timeout. */
export const FIRST_CHUNK = 128 << 10;
const MIN_CHUNK = 16 << 10;
const ROOT = "/sync/attachments";
const TUS = { "Tus-Resumable": "1.0.0" };

type Answer = { status: number; headers: Headers } | { stop: UploadOutcome };

export async function upload(
  ctx: Context,
  photo: AttachmentRow,
  chunk: ChunkState,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const bytes = (await ctx.mirror.read("att", photo.id))?.bytes;
  if (!bytes || bytes.length !== photo.size || (await sha256Hex(bytes)) !== photo.sha256) {
    return reportLost(ctx, photo, signal);
  }
  let path = photo.url;
  let offset = chunk.next?.id === photo.id ? chunk.next.offset : null;
  chunk.next = null;
  let finalState: "stored" | "refused" | null = null;
  let retries = 0;
  for (;;) {
    if (finalState && offset === photo.size) return finishUpload(ctx, photo, finalState);
    if (retries > 3) return { is: "later", status: 0 };
    let answer: Answer;
    let sent = 0;
    const start = ctx.env.now();
    if (path === null) answer = await request(ctx, creationRequest(photo), signal);
    else if (offset === null || offset >= photo.size)
      answer = await request(ctx, { method: "HEAD", path: path }, signal);
    else {
      const bytesOfChunk = bytes.subarray(offset, offset + chunk.size);
      sent = bytesOfChunk.length;
      answer = await request(ctx, await patchRequest(path, offset, bytesOfChunk), signal);
    }
    if ("stop" in answer) {
      if (sent > 0 && (answer.stop.is === "unreachable" || answer.stop.is === "too_large")) {
        // Retry at once only if the chunk became smaller; else later, not in a loop.
        const smaller = Math.max(MIN_CHUNK, Math.floor(chunk.size / 2));
        const shrank = smaller < chunk.size;
        chunk.size = smaller;
        if (answer.stop.is === "too_large" && shrank) continue;
      }
      return answer.stop.is === "too_large" ? { is: "later", status: 413 } : answer.stop;
    }
    const { status, headers } = answer;
    if (status === 404 || status === 410) {
      if (path === null) return { is: "later", status };
      path = null;
      offset = null;
      retries++;
    } else if (status === 409 || status === 460) {
      offset = null;
      retries++;
    } else if (status >= 200 && status < 300) {
      const offsetNow = offsetOf(headers, photo.size);
      const newPath = path ?? uploadPath(headers);
      if (offsetNow === null || newPath === null) return { is: "later", status };
      // Complete but not "stored": the server is still checking the hash, or it differs.
      retries = sent > 0 && offsetNow > (offset ?? 0) ? 0 : retries + 1;
      const state = headers.get("X-Attachment-State");
      finalState = state === "stored" || state === "refused" ? state : null;
      offset = offsetNow;
      path = newPath;
      if (sent > 0) adaptChunk(chunk, ctx.env.now() - start);
      await updateRow(ctx, photo.id, { state: "sending", sent: offsetNow, url: newPath });
      await ctx.env.point("upload:piece");
      if (sent > 0 && retries === 0 && offsetNow < photo.size) {
        chunk.next = { id: photo.id, offset: offsetNow };
        return { is: "going" };
      }
    } else return { is: "later", status };
  }
}

/** Adapt the size: fetch reports no progress, so a chunk must end well before the request's timeout. */
function adaptChunk(chunk: ChunkState, tookMs: number): void {
  if (tookMs < REQUEST_MS / 4) chunk.size = Math.min(chunk.most, chunk.size * 2);
  else if (tookMs > REQUEST_MS / 2) chunk.size = Math.max(MIN_CHUNK, chunk.size >> 1);
}

/** Report to the server that the photo's bytes are lost. Its record stands without it. */
async function reportLost(ctx: Context, photo: AttachmentRow, signal: AbortSignal): Promise<UploadOutcome> {
  await updateRow(ctx, photo.id, { state: "lost_on_device" });
  await dropMirrorCopy(ctx, photo.op ?? "");
  const answer = await request(ctx, { method: "POST", path: `${ROOT}/${photo.id}/lost` }, signal);
  if ("stop" in answer) return answer.stop;
  if (answer.status !== 204) return { is: "later", status: answer.status };
  // "stored": it arrived earlier and only the response was lost.
  const here = answer.headers.get("X-Attachment-State") === "stored";
  await updateRow(ctx, photo.id, here ? { state: "stored", sent: photo.size } : { told: true });
  return { is: "lost" };
}

async function request(ctx: Context, request: RequestSpec, signal: AbortSignal): Promise<Answer> {
  const reply = await sendRequest(ctx, { ...request, headers: { ...TUS, ...request.headers } }, signal);
  const classified = classifyUploadReply(reply as Reply | null, ctx.instance, ctx.env.now());
  if (classified.is === "status" && reply) return { status: classified.status, headers: reply.headers };
  if (classified.is === "json" || classified.is === "status") return { stop: { is: "unreachable" } };
  return { stop: classified };
}

function creationRequest(photo: AttachmentRow): RequestSpec {
  const pairs = [
    ["id", photo.id],
    ["op", photo.op ?? ""],
    ["sha256", photo.sha256],
    ["filename", photo.name],
    ["filetype", photo.mime],
    ["role", photo.role],
  ];
  const metadata = pairs.map(([name, value]) => `${name} ${base64(utf8(value ?? ""))}`.trim()).join(",");
  const headers = { "Upload-Length": String(photo.size), "Upload-Metadata": metadata };
  return { method: "POST", path: ROOT, headers };
}

async function patchRequest(path: string, offset: number, bytesOfChunk: Uint8Array): Promise<RequestSpec> {
  const headers = {
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": String(offset),
    "Upload-Checksum": `sha256 ${base64(await sha256(bytesOfChunk))}`,
  };
  // Copy the chunk: from a view the whole buffer could be sent.
  return { method: "PATCH", path, headers, body: bytesOfChunk.slice() };
}

function offsetOf(headers: Headers, size: number): number | null {
  const text = headers.get("Upload-Offset") ?? "";
  return /^\d+$/.test(text) && Number(text) <= size ? Number(text) : null;
}

/** Return the upload's path; null if it is outside our upload folder. */
function uploadPath(headers: Headers): string | null {
  const location = headers.get("Location");
  if (!location) return null;
  try {
    const { pathname } = new URL(location, "https://phone.invalid/");
    return pathname.startsWith(`${ROOT}/`) ? pathname : null;
  } catch {
    return null;
  }
}

async function finishUpload(ctx: Context, photo: AttachmentRow, state: "stored" | "refused"): Promise<UploadOutcome> {
  await updateRow(ctx, photo.id, { state, sent: photo.size });
  await ctx.env.point("upload:stored");
  // Keeps the photo while its record is held: if that is refused, its author needs it again.
  await dropMirrorCopy(ctx, photo.op ?? "");
  return { is: "stored" };
}

async function updateRow(ctx: Context, id: string, change: Partial<AttachmentRow>): Promise<void> {
  await ctx.db.run(["attachments", "meta"], "readwrite", async (tx) => {
    const row = await tx.objectStore("attachments").get(id);
    if (row) await tx.objectStore("attachments").put({ ...row, ...change });
    if (change.state !== "sending") await setMeta(tx, "photo_at", ctx.env.now());
  });
  ctx.changed();
}
