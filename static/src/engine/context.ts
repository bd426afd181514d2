/** State shared by the modules of the engine. */
import type { Core, Device } from "./core-db.ts";
import type { Mirror } from "./mirror.ts";
import type { Environment } from "./types.ts";
import type { UserDb } from "./user-db.ts";

export interface Context {
  readonly env: Environment;
  readonly userId: number;
  readonly build: string;
  /** Id of our server; may be empty until the first hello. */
  instance: string;
  readonly core: Core;
  readonly db: UserDb;
  readonly mirror: Mirror;
  device: Device;
  /** Device token, sent with the cookie because the session may have expired. */
  token: string | null;
  /** Draft generation that this tab has seen, by key. */
  readonly gens: Map<string, number>;
  /** Records this tab can undo, with their frozen bodies. */
  readonly holds: Map<string, { body: string; until: number }>;
  /** How often the page was left: writes begun before that may be older than another page's. */
  exits: number;
  /** Run writes of this tab one after another, so that both stores end with the same version. */
  serial<T>(work: () => Promise<T>): Promise<T>;
  /** Notify listeners in all tabs that records, attachments or link changed. */
  changed(): void;
  kick(reason: string): void;
}

export function oneAtATime(): Context["serial"] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}
