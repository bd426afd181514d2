/**
 * The second store. Chromium, killed while it writes, may delete the whole IndexedDB; Cache Storage survived every
 * kill that was measured. Holds the frozen bytes of records, photos (only here) and drafts.
 */
import { type Bytes, plain, utf8 } from "./bytes.ts";
import { isQuota } from "./connection.ts";
import { StorageFull, StorageUnavailable } from "./types.ts";
import type { AttachmentRow, DraftRow, OpRow } from "./user-db.ts";
import { watchdog } from "./watchdog.ts";

export interface Found {
  headers: Headers;
  bytes: Bytes;
}

export interface Mirror {
  putOp(op: OpRow): Promise<void>;
  putAttachment(att: AttachmentRow, bytes: Uint8Array): Promise<void>;
  putDraft(draft: DraftRow): Promise<void>;
  read(shelf: Shelf, id: string): Promise<Found | null>;
  drop(shelf: Shelf, id: string): Promise<void>;
  ids(): Promise<Record<Shelf, string[]>>;
  /** Writes, reads and removes; throws where this browser keeps nothing. */
  probe(): Promise<void>;
}

export type Shelf = "op" | "att" | "draft";

const ROOT = "/__outbox/";

export function openMirror(caches: CacheStorage, userId: number): Mirror {
  const cache = () => caches.open(`outbox-${userId}`);
  const path = (shelf: string, id: string) => `${ROOT}${shelf}/${encodeURIComponent(id)}`;

  async function put(at: string, body: Bytes, headers: Record<string, string>): Promise<void> {
    const write = async () => (await cache()).put(at, new Response(body, { headers }));
    try {
      await write();
    } catch (error) {
      if (!isQuota(error)) throw error;
      await evictDisposable(caches);
      await write().catch((again: unknown) => {
        throw isQuota(again) ? new StorageFull() : again;
      });
    }
  }

  return {
    putOp: (op) =>
      put(path("op", op.op), utf8(op.body), {
        "Content-Type": "application/json",
        "X-Seq": String(op.seq),
        "X-Sha256": op.sha256,
        "X-Pos": String(op.pos),
        "X-Gen": String(op.gen),
        "X-Draft": encodeURIComponent(op.draftKey ?? ""),
        "X-Title": encodeURIComponent(op.title),
        "X-Url": encodeURIComponent(op.url),
        "X-Ref": encodeURIComponent(op.ref),
        "X-Created": String(op.created),
        "X-Hold": String(op.holdUntil ?? 0),
      }),
    putAttachment: (att, bytes) =>
      put(path("att", att.id), plain(bytes), {
        "Content-Type": att.mime || "application/octet-stream",
        "X-Sha256": att.sha256,
        "X-Gen": String(att.gen),
        "X-Draft": encodeURIComponent(att.draft ?? ""),
        "X-Op": att.op ?? "",
        "X-Name": encodeURIComponent(att.name),
        "X-Role": encodeURIComponent(att.role),
        "X-Created": String(att.created),
      }),
    putDraft: (draft) =>
      put(path("draft", draft.key), utf8(JSON.stringify(draft)), {
        "Content-Type": "application/json",
        "X-Gen": String(draft.gen),
        "X-Updated": String(draft.updated),
      }),
    async read(shelf, id) {
      const found = await (await cache()).match(path(shelf, id));
      return found ? { headers: found.headers, bytes: new Uint8Array(await found.arrayBuffer()) } : null;
    },
    async drop(shelf, id) {
      await (await cache()).delete(path(shelf, id));
    },
    async ids() {
      const ids: Record<Shelf, string[]> = { op: [], att: [], draft: [] };
      for (const request of await (await cache()).keys()) {
        const match = /\/__outbox\/(op|att|draft)\/([^/?#]+)$/.exec(request.url);
        if (match) ids[match[1] as Shelf].push(decodeURIComponent(match[2] ?? ""));
      }
      return ids;
    },
    async probe() {
      const at = path("probe", String(Math.random()));
      const store = await cache();
      await put(at, utf8("probe"), {});
      const back = await (await store.match(at))?.text();
      await store.delete(at);
      if (back !== "probe") throw new Error("cache storage does not keep what it is given");
    },
  };
}

/** A call that outlasts a whole tick of this length is given up. Large photos on slow phones stay far below. */
export const CALL_TICK_MS = 5_000;

/**
 * The same mirror, none of whose calls waits for ever. A photo whose write was given up is said to have failed, and may
 * have been taken again: if it lands after all, it goes.
 */
export function inTime(mirror: Mirror, sleep: (ms: number) => Promise<void>): Mirror {
  const watch = watchdog(sleep, () => CALL_TICK_MS);
  const timed =
    (call: (...given: unknown[]) => Promise<unknown>, late?: (...given: unknown[]) => Promise<void>) =>
    (...given: unknown[]) =>
      new Promise((resolve, reject) => {
        let givenUp = false;
        const over = watch(() => {
          givenUp = true;
          reject(new StorageUnavailable("cache storage hangs", true));
        });
        call(...given)
          .then((value) => {
            resolve(value);
            if (givenUp) late?.(...given).catch(() => {});
          }, reject)
          .finally(over);
      });
  const calls = Object.entries(mirror) as [string, (...given: unknown[]) => Promise<unknown>][];
  const all = Object.fromEntries(calls.map(([name, call]) => [name, timed(call)]));
  const put = timed(mirror.putAttachment as (typeof calls)[0][1], (att) =>
    mirror.drop("att", (att as AttachmentRow).id),
  );
  return { ...all, putAttachment: put } as unknown as Mirror;
}

/** Pages can be fetched again, records cannot: where there is no room, pages go first. */
export async function evictDisposable(caches: CacheStorage): Promise<void> {
  for (const name of await caches.keys()) if (/^(pack|visited|files)-/.test(name)) await caches.delete(name);
}

export function draftFromMirror(found: Found): DraftRow | null {
  try {
    const draft = JSON.parse(new TextDecoder().decode(found.bytes)) as DraftRow;
    if (typeof draft.key !== "string" || typeof draft.fields !== "object") return null;
    return { ...draft, gen: Number(found.headers.get("X-Gen") ?? 0) };
  } catch {
    return null;
  }
}
