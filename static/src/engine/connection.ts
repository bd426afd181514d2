/**
 * One IndexedDB database, kept open. A save counts only when its transaction completes; a connection the system
 * dropped (iOS does so in the background) is reopened and the work done once more.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames, wrap } from "idb";
import { StorageFull, StorageUnavailable, type Surroundings } from "./types.ts";

export type Transaction<S extends DBSchema> = IDBPTransaction<S, StoreNames<S>[], "readwrite">;

export interface Connection<S extends DBSchema> {
  /** `work` may run twice, so it must find its own traces. It must await nothing but this transaction. */
  run<T>(stores: StoreNames<S>[], mode: IDBTransactionMode, work: (tx: Transaction<S>) => Promise<T>): Promise<T>;
  close(): void;
}

const BLOCKED_MS = 2_000;
/** An opener queued behind a blocked one hears nothing at all. */
const SILENT_MS = 10_000;

export function connect<S extends DBSchema>(
  surroundings: Surroundings,
  name: string,
  version: number,
  upgrade: (db: IDBDatabase, oldVersion: number) => void,
): Connection<S> {
  let current: Promise<IDBPDatabase<S>> | null = null;
  let lost = false;
  let closed = false;

  function open(): Promise<IDBPDatabase<S>> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      const giveUp = (why: string) => {
        if (waiting) reject(new StorageUnavailable(`${name}: ${why}`));
        waiting = false;
      };
      const request = surroundings.indexedDB.open(name, version);
      void surroundings.sleep(SILENT_MS).then(() => giveUp("no answer"));
      request.onupgradeneeded = (event) => upgrade(request.result, event.oldVersion);
      request.onblocked = () => void surroundings.sleep(BLOCKED_MS).then(() => giveUp("blocked by another tab"));
      request.onerror = () => giveUp(request.error?.message ?? "open failed");
      request.onsuccess = () => {
        const raw = request.result;
        if (!waiting || closed) return raw.close();
        waiting = false;
        // Another tab brings a newer version: let it, instead of hanging it.
        raw.onversionchange = () => {
          raw.close();
          drop();
        };
        raw.onclose = drop;
        resolve(wrap(raw) as unknown as IDBPDatabase<S>);
      };
    });
  }

  function drop(): void {
    current = null;
    lost = true;
  }

  async function attempt<T>(
    stores: StoreNames<S>[],
    mode: IDBTransactionMode,
    work: (tx: Transaction<S>) => Promise<T>,
  ): Promise<T> {
    if (closed) throw new StorageUnavailable(`${name}: closed`);
    current ??= open();
    lost = false;
    const db = await current.catch((error: unknown) => {
      current = null;
      throw error;
    });
    const tx = db.transaction(stores, mode, { durability: "strict" }) as unknown as Transaction<S>;
    const ended = tx.done.then(
      () => null,
      (error: unknown) => error ?? new DOMException("aborted", "AbortError"),
    );
    let thrown: unknown = null;
    let value: T | undefined;
    try {
      value = await work(tx);
    } catch (error) {
      thrown = error;
      try {
        tx.abort();
      } catch {
        // It had ended by itself; `ended` knows why.
      }
    }
    const abort = await ended;
    if (thrown === null && abort === null) return value as T;
    // Quota shows only as the abort's reason; requests just say "aborted", or that the transaction is over.
    if (isQuota(abort)) throw abort;
    throw thrown !== null && nameOf(thrown) !== "AbortError" ? thrown : (abort ?? thrown);
  }

  return {
    async run(stores, mode, work) {
      try {
        return await attempt(stores, mode, work);
      } catch (error) {
        if (!lost && !isLostConnection(error)) throw translate(error);
        if (closed) throw translate(error);
        drop();
      }
      try {
        return await attempt(stores, mode, work);
      } catch (error) {
        throw isLostConnection(error) ? new StorageUnavailable(`${name}: ${String(error)}`) : translate(error);
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
