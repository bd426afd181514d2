/**
 * Connection to one IndexedDB database, open while its page is shown. A write counts only when its transaction
 * completes. Work is aborted and repeated once on a new connection when the system closes the connection (iOS does so in
 * the background) or the transaction hangs, and as often as its page is left.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames, wrap } from "idb";
import { type Environment, StorageFull, StorageUnavailable } from "./types.ts";
import { watchdog } from "./watchdog.ts";

export type Transaction<S extends DBSchema> = IDBPTransaction<S, StoreNames<S>[], "readwrite">;

export interface Connection<S extends DBSchema> {
  /** Run `work` in a transaction. It may run twice, so it must be idempotent, and may await only this transaction. */
  run<T>(stores: StoreNames<S>[], mode: IDBTransactionMode, work: (tx: Transaction<S>) => Promise<T>): Promise<T>;
  close(): void;
}

const BLOCKED_MS = 2_000;
/** An open request that is queued behind a blocked one gets no event at all. */
export const SILENT_MS = 10_000;
/** A transaction that is still running after a whole tick of this length hangs. */
export const TICK_MS = 3_000;
/** Tick after a hang, so that queued work fails sooner. */
export const HUNG_TICK_MS = 1_000;

/** The page was left: the attempt was aborted. */
class PageExit extends Error {}
class TransactionHung extends Error {
  constructor(
    /** It could not be aborted: only the store shows whether it committed. */
    readonly committing: boolean,
  ) {
    super("hung");
  }
}

export function connect<S extends DBSchema>(
  env: Environment,
  name: string,
  version: number,
  upgrade: (db: IDBDatabase, oldVersion: number) => void,
): Connection<S> {
  let current: Promise<IDBPDatabase<S>> | null = null;
  let raw: IDBDatabase | null = null;
  let connectionLost = false;
  let closed = false;
  let hangTick = TICK_MS;
  /** Set while the page is in the back/forward cache; resolves when it is shown again. */
  let suspended: Promise<void> | null = null;
  let resume = () => {};
  /** Abort running work because the page is left. */
  const exitHandlers = new Set<() => void>();
  const watchTransaction = watchdog(env.sleep, () => hangTick);

  /**
   * In WebKit a page in the back/forward cache keeps its transactions open and blocks every later page. So abort them
   * and close the connection; a transaction that is committing ends by itself.
   */
  env.onLeave?.(
    () => {
      suspended ??= new Promise((resolve) => {
        resume = resolve;
      });
      for (const handler of [...exitHandlers]) handler();
      dropConnection();
    },
    () => {
      suspended = null;
      resume();
    },
  );

  function open(): Promise<IDBPDatabase<S>> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      const end = (error: unknown) => {
        if (waiting) reject(error);
        waiting = false;
        exitHandlers.delete(onExit);
      };
      const giveUp = (why: string) => end(new StorageUnavailable(`${name}: ${why}`));
      const request = env.indexedDB.open(name, version);
      const onExit = () => {
        request.transaction?.abort();
        end(new PageExit());
      };
      exitHandlers.add(onExit);
      void env.sleep(SILENT_MS).then(() => giveUp("no answer"));
      request.onupgradeneeded = (event) => upgrade(request.result, event.oldVersion);
      request.onblocked = () => void env.sleep(BLOCKED_MS).then(() => giveUp("blocked by another tab"));
      request.onerror = () => giveUp(request.error?.message ?? "open failed");
      request.onsuccess = () => {
        const opened = request.result;
        if (!waiting || closed) return opened.close();
        waiting = false;
        exitHandlers.delete(onExit);
        raw = opened;
        const release = () => {
          if (raw === opened) dropConnection();
          else opened.close();
        };
        // Another tab upgrades the database: close, so that it is not blocked.
        opened.onversionchange = release;
        opened.onclose = release;
        resolve(wrap(opened) as unknown as IDBPDatabase<S>);
      };
    });
  }

  function dropConnection(): void {
    raw?.close();
    raw = null;
    current = null;
    connectionLost = true;
  }

  async function attempt<T>(
    stores: StoreNames<S>[],
    mode: IDBTransactionMode,
    work: (tx: Transaction<S>) => Promise<T>,
  ): Promise<T> {
    while (suspended) await suspended;
    if (closed) throw new StorageUnavailable(`${name}: closed`);
    current ??= open();
    const opening = current;
    connectionLost = false;
    const db = await opening.catch((error: unknown) => {
      if (current === opening) current = null;
      throw error;
    });
    if (suspended) throw new PageExit();
    const tx = db.transaction(stores, mode, { durability: "strict" }) as unknown as Transaction<S>;
    const aborted = tx.done.then(
      () => null,
      (error: unknown) => error ?? new DOMException("aborted", "AbortError"),
    );
    const tryAbort = () => {
      try {
        tx.abort();
        return true;
      } catch {
        return false; // Committing or ended; `aborted` has the result.
      }
    };
    let onExit = () => {};
    let unwatch = () => {};
    const interrupted = new Promise<never>((_, reject) => {
      onExit = () => tryAbort() && reject(new PageExit());
      unwatch = watchTransaction(() => {
        reject(new TransactionHung(!tryAbort()));
        if (current === opening) dropConnection();
      });
    });
    exitHandlers.add(onExit);
    try {
      let thrown: unknown = null;
      let value: T | undefined;
      try {
        value = await Promise.race([work(tx), interrupted]);
      } catch (error) {
        thrown = error;
        tryAbort();
      }
      const abort = await Promise.race([aborted, interrupted]);
      if (thrown === null && abort === null) return value as T;
      // Only the transaction's error names the quota; the requests say AbortError or TransactionInactiveError.
      if (isQuota(abort)) throw abort;
      throw thrown !== null && errorName(thrown) !== "AbortError" ? thrown : (abort ?? thrown);
    } finally {
      exitHandlers.delete(onExit);
      unwatch();
    }
  }

  return {
    async run(stores, mode, work) {
      let mayHaveCommitted = false;
      for (let isLastTry = false; ; ) {
        try {
          const value = await attempt(stores, mode, work);
          hangTick = TICK_MS;
          return value;
        } catch (error) {
          // Not a failure: repeat when the page is shown again.
          if (error instanceof PageExit) continue;
          const isHung = error instanceof TransactionHung;
          if (isHung) {
            hangTick = HUNG_TICK_MS;
            mayHaveCommitted ||= error.committing;
          } else if (!isLostConnection(error) && (isLastTry || !connectionLost)) throw toStorageError(error);
          if (isLastTry && isHung) throw new StorageUnavailable(`${name}: hangs`, true, mayHaveCommitted);
          if (isLastTry) throw new StorageUnavailable(`${name}: ${String(error)}`);
          if (closed) throw toStorageError(error);
          if (!isHung) dropConnection();
          isLastTry = true;
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

function errorName(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}

function isLostConnection(error: unknown): boolean {
  const name = errorName(error);
  if (name === "InvalidStateError" || name === "UnknownError") return true;
  return error instanceof Error && /connection .*(lost|clos)/i.test(error.message);
}

export function isQuota(error: unknown): boolean {
  return errorName(error) === "QuotaExceededError";
}

function toStorageError(error: unknown): unknown {
  return isQuota(error) ? new StorageFull() : error;
}
