/** One request, with everything a field network needs: no cache, no followed redirect, no endless wait. */
import { plain, utf8 } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Reply } from "./reply.ts";
import type { JsonObject } from "./types.ts";

export const REQUEST_MS = 30_000;
/** Browsers take at most 64 KiB of requests that outlive their page. */
export const KEEPALIVE_BYTES = 60_000;

export interface Ask {
  method: "POST" | "HEAD" | "PATCH";
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** Null when there was no whole answer: no network, cut, too slow, or redirected. */
export async function ask(
  ctx: Context,
  { method, path, headers, body }: Ask,
  signal: AbortSignal,
): Promise<(Reply & { headers: Headers }) | null> {
  if (signal.aborted) return null;
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort);
  void ctx.surroundings.sleep(REQUEST_MS).then(abort);
  const cut = new Promise<null>((resolve) => controller.signal.addEventListener("abort", () => resolve(null)));
  const { fetch, language } = ctx.surroundings;
  const whole = async () => {
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
      // A hidden page may be frozen any moment.
      keepalive: ctx.surroundings.hidden?.() === true && byteLength(body) <= KEEPALIVE_BYTES,
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
    return await Promise.race([whole(), cut]);
  } catch {
    return null;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function byteLength(body: Ask["body"]): number {
  return typeof body === "string" ? utf8(body).length : (body?.length ?? 0);
}

export function authorization(token: string | null): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

export function askJson(ctx: Context, path: string, body: JsonObject, signal: AbortSignal) {
  const headers = { "Content-Type": "application/json" };
  return ask(ctx, { method: "POST", path, headers, body: JSON.stringify(body) }, signal);
}
