/** Send one HTTP request: no cache, no redirects, with timeout. */
import { plain, utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Reply } from "./reply.ts";
import type { JsonObject } from "./types.ts";

export const REQUEST_MS = 30_000;
/** Browsers allow at most 64 KiB for keepalive requests. */
export const KEEPALIVE_BYTES = 60_000;

export interface RequestSpec {
  method: "POST" | "HEAD" | "PATCH";
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** Return the whole response; null on network error, timeout or redirect. */
export async function sendRequest(
  ctx: Context,
  { method, path, headers, body }: RequestSpec,
  signal: AbortSignal,
): Promise<(Reply & { headers: Headers }) | null> {
  if (signal.aborted) return null;
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort);
  void ctx.env.sleep(REQUEST_MS).then(abort);
  const aborted = new Promise<null>((resolve) => controller.signal.addEventListener("abort", () => resolve(null)));
  const { fetch, language } = ctx.env;
  const readReply = async () => {
    const response = await fetch(path, {
      method,
      redirect: "error",
      cache: "no-store",
      credentials: "same-origin",
      headers: {
        "Accept-Language": language(),
        "X-Fieldapp-Client": ctx.build,
        ...authorization(ctx.token),
        ...headers,
      },
      body: typeof body === "object" ? plain(body) : body,
      // A hidden page may be frozen at any moment.
      keepalive: ctx.env.hidden?.() === true && byteLength(body) <= KEEPALIVE_BYTES,
      signal: controller.signal,
    });
    return {
      status: response.status,
      redirected: response.redirected || response.type === "opaqueredirect",
      contentType: response.headers.get("Content-Type") ?? "",
      instance: response.headers.get("X-Fieldapp"),
      retryAfter: response.headers.get("Retry-After"),
      text: method === "POST" ? await response.text() : "",
      headers: response.headers,
    };
  };
  try {
    return await Promise.race([readReply(), aborted]);
  } catch {
    return null;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function byteLength(body: RequestSpec["body"]): number {
  return typeof body === "string" ? utf8(body).length : (body?.length ?? 0);
}

export function authorization(token: string | null): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

export function postJson(ctx: Context, path: string, body: JsonObject, signal: AbortSignal) {
  const headers = { "Content-Type": "application/json" };
  return sendRequest(ctx, { method: "POST", path, headers, body: JSON.stringify(body) }, signal);
}
