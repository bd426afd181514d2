/**
 * Second store, in Cache Storage: bodies of records, drafts, and photos (only here). Chromium, killed while it writes,
 * may delete the whole IndexedDB; Cache Storage survived every kill that was measured.
 */
import { type Bytes, plain, utf8 } from "./bytes.ts";
import { isQuota } from "./connection.ts";
import { StorageFull, StorageUnavailable } from "./types.ts";
import type { AttachmentRow, DraftRow, OpRow } from "./user-db.ts";
import { watchdog } from "./watchdog.ts";

export interface MirrorEntry {
  headers: Headers;
  bytes: Bytes;
}

export interface Mirror {
  putOp(op: OpRow): Promise<void>;
  putAttachment(att: AttachmentRow, bytes: Uint8Array): Promise<void>;
  putDraft(draft: DraftRow): Promise<void>;
  read(kind: EntryKind, id: string): Promise<MirrorEntry | null>;
  drop(kind: EntryKind, id: string): Promise<void>;
  ids(): Promise<Record<EntryKind, string[]>>;
  /** Write, read and delete a test entry; throws if this browser does not store it. */
  probe(): Promise<void>;
}

export type EntryKind = "op" | "att" | "draft";

const ROOT = "/__outbox/";

export function openMirror(caches: CacheStorage, userId: number): Mirror {
  const cache = () => caches.open(`outbox-${userId}`);
  const path = (kind: string, id: string) => `${ROOT}${kind}/${encodeURIComponent(id)}`;

  async function put(at: string, body: Bytes, headers: Record<string, string>): Promise<void> {
    const write = async () => (await cache()).put(at, new Response(body, { headers }));
    try {
      await write();
    } catch (error) {
      if (!isQuota(error)) throw error;
      await evictPages(caches);
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
    async read(kind, id) {
      const entry = await (await cache()).match(path(kind, id));
      return entry ? { headers: entry.headers, bytes: new Uint8Array(await entry.arrayBuffer()) } : null;
    },
    async drop(kind, id) {
      await (await cache()).delete(path(kind, id));
    },
    async ids() {
      const ids: Record<EntryKind, string[]> = { op: [], att: [], draft: [] };
      for (const request of await (await cache()).keys()) {
        const match = /\/__outbox\/(op|att|draft)\/([^/?#]+)$/.exec(request.url);
        if (match) ids[match[1] as EntryKind].push(decodeURIComponent(match[2] ?? ""));
      }
      return ids;
    },
    async probe() {
      const at = path("probe", String(Math.random()));
      const store = await cache();
      await put(at, utf8("probe"), {});
      const back = await (await store.match(at))?.text();
      await store.delete(at);
      if (back !== "probe") throw new Error("cache storage failed");
    },
  };
}

/** A call that is still running after a whole tick of this length is given up. Large photos take far less. */
export const CALL_TICK_MS = 5_000;

/**
 * Wrap the mirror so that every call has a timeout. A photo whose write timed out was reported as failed and may have
 * been added again, so delete it if the write succeeds later.
 */
export function withTimeouts(mirror: Mirror, sleep: (ms: number) => Promise<void>): Mirror {
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

/** Delete cached pages and pictures to free space: they can be fetched again, records cannot. */
export async function evictPages(caches: CacheStorage): Promise<void> {
  for (const name of await caches.keys()) if (/^(pack|visited|files)-/.test(name)) await caches.delete(name);
}

export function draftFromMirror(entry: MirrorEntry): DraftRow | null {
  try {
    const draft = JSON.parse(new TextDecoder().decode(entry.bytes)) as DraftRow;
    if (typeof draft.key !== "string" || typeof draft.fields !== "object") return null;
    return { ...draft, gen: Number(entry.headers.get("X-Gen") ?? 0) };
  } catch {
    return null;
  }
}
