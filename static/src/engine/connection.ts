/**
 * One IndexedDB database, kept open while its page is shown. A save counts only when its transaction completes. Work
 * whose connection the system dropped (iOS does so in the background), whose transaction hangs, or whose page was left
 * is taken back and done once more on a new connection.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames, wrap } from "idb";
import { StorageFull, StorageUnavailable, type Surroundings } from "./types.ts";
import { watchdog } from "./watchdog.ts";

export type Transaction<S extends DBSchema> = IDBPTransaction<S, StoreNames<S>[], "readwrite">;

export interface Connection<S extends DBSchema> {
  /** `work` may run twice, so it must find its own traces. It must await nothing but this transaction. */
  run<T>(stores: StoreNames<S>[], mode: IDBTransactionMode, work: (tx: Transaction<S>) => Promise<T>): Promise<T>;
  close(): void;
}

const BLOCKED_MS = 2_000;
/** An opener queued behind a blocked one hears nothing at all. */
export const SILENT_MS = 10_000;
/** A transaction that outlasts a whole tick of this length hangs. */
export const TICK_MS = 3_000;
/** After one that hung: what waits behind it is answered soon. */
export const HUNG_TICK_MS = 1_000;

/** Why an attempt was taken back. */
class Left extends Error {}
class Hung extends Error {
  constructor(
    /** It could not be taken back any more: whether it counted shows only in the store. */
    readonly committing: boolean,
  ) {
    super("hung");
  }
}

export function connect<S extends DBSchema>(
  surroundings: Surroundings,
  name: string,
  version: number,
  upgrade: (db: IDBDatabase, oldVersion: number) => void,
): Connection<S> {
  let current: Promise<IDBPDatabase<S>> | null = null;
  let raw: IDBDatabase | null = null;
  let lost = false;
  let closed = false;
  let tick = TICK_MS;
  /** While the page lies in the browser's memory; resolves as it is shown again. */
  let away: Promise<void> | null = null;
  let comeBack = () => {};
  /** Take back what is going on, because the page is left. */
  const leaving = new Set<() => void>();
  const watch = watchdog(surroundings.sleep, () => tick);

  /**
   * A page that is left keeps its transactions in WebKit, and every later page waits for them for ever. So they are
   * taken back and the connection is closed; one that is in its very commit ends by itself.
   */
  surroundings.onLeave?.(
    () => {
      away ??= new Promise((resolve) => {
        comeBack = resolve;
      });
      for (const take of [...leaving]) take();
      drop();
    },
    () => {
      away = null;
      comeBack();
    },
  );

  function open(): Promise<IDBPDatabase<S>> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      const end = (error: unknown) => {
        if (waiting) reject(error);
        waiting = false;
        leaving.delete(leave);
      };
      const giveUp = (why: string) => end(new StorageUnavailable(`${name}: ${why}`));
      const request = surroundings.indexedDB.open(name, version);
      const leave = () => {
        request.transaction?.abort();
        end(new Left());
      };
      leaving.add(leave);
      void surroundings.sleep(SILENT_MS).then(() => giveUp("no answer"));
      request.onupgradeneeded = (event) => upgrade(request.result, event.oldVersion);
      request.onblocked = () => void surroundings.sleep(BLOCKED_MS).then(() => giveUp("blocked by another tab"));
      request.onerror = () => giveUp(request.error?.message ?? "open failed");
      request.onsuccess = () => {
        const opened = request.result;
        if (!waiting || closed) return opened.close();
        waiting = false;
        leaving.delete(leave);
        raw = opened;
        const gone = () => {
          if (raw === opened) drop();
          else opened.close();
        };
        // Another tab brings a newer version: let it, instead of hanging it.
        opened.onversionchange = gone;
        opened.onclose = gone;
        resolve(wrap(opened) as unknown as IDBPDatabase<S>);
      };
    });
  }

  function drop(): void {
    raw?.close();
    raw = null;
    current = null;
    lost = true;
  }

  async function attempt<T>(
    stores: StoreNames<S>[],
    mode: IDBTransactionMode,
    work: (tx: Transaction<S>) => Promise<T>,
  ): Promise<T> {
    while (away) await away;
    if (closed) throw new StorageUnavailable(`${name}: closed`);
    current ??= open();
    const mine = current;
    lost = false;
    const db = await mine.catch((error: unknown) => {
      if (current === mine) current = null;
      throw error;
    });
    if (away) throw new Left();
    const tx = db.transaction(stores, mode, { durability: "strict" }) as unknown as Transaction<S>;
    const ended = tx.done.then(
      () => null,
      (error: unknown) => error ?? new DOMException("aborted", "AbortError"),
    );
    const takeBack = () => {
      try {
        tx.abort();
        return true;
      } catch {
        return false; // It is in its commit, or has ended; `ended` knows how.
      }
    };
    let leave = () => {};
    let over = () => {};
    const stopped = new Promise<never>((_, reject) => {
      leave = () => takeBack() && reject(new Left());
      over = watch(() => {
        reject(new Hung(!takeBack()));
        if (current === mine) drop();
      });
    });
    leaving.add(leave);
    try {
      let thrown: unknown = null;
      let value: T | undefined;
      try {
        value = await Promise.race([work(tx), stopped]);
      } catch (error) {
        thrown = error;
        takeBack();
      }
      const abort = await Promise.race([ended, stopped]);
      if (thrown === null && abort === null) return value as T;
      // Quota shows only as the abort's reason; requests just say "aborted", or that the transaction is over.
      if (isQuota(abort)) throw abort;
      throw thrown !== null && nameOf(thrown) !== "AbortError" ? thrown : (abort ?? thrown);
    } finally {
      leaving.delete(leave);
      over();
    }
  }

  return {
    async run(stores, mode, work) {
      let unsure = false;
      for (let last = false; ; ) {
        try {
          const value = await attempt(stores, mode, work);
          tick = TICK_MS;
          return value;
        } catch (error) {
          // Not a failure: done as the page is shown again, as often as it is left.
          if (error instanceof Left) continue;
          const hung = error instanceof Hung;
          if (hung) {
            tick = HUNG_TICK_MS;
            unsure ||= error.committing;
          } else if (!isLostConnection(error) && (last || !lost)) throw translate(error);
          if (last && hung) throw new StorageUnavailable(`${name}: hangs`, true, unsure);
          if (last) throw new StorageUnavailable(`${name}: ${String(error)}`);
          if (closed) throw translate(error);
          if (!hung) drop();
          last = true;
        }
      }
    },
    close() {
      closed = true;
      void current?.then(
        (db) => db.close(),
        () => undefined,
      );
      current = null;
    },
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}

function isLostConnection(error: unknown): boolean {
  const name = nameOf(error);
  if (name === "InvalidStateError" || name === "UnknownError") return true;
  return error instanceof Error && /connection .*(lost|clos)/i.test(error.message);
}

export function isQuota(error: unknown): boolean {
  return nameOf(error) === "QuotaExceededError";
}

function translate(error: unknown): unknown {
  return isQuota(error) ? new StorageFull() : error;
}
