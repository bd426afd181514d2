/** What the engine's parts share. */
import type { Core, Device } from "./core-db.ts";
import type { Mirror } from "./mirror.ts";
import type { Surroundings } from "./types.ts";
import type { UserDb } from "./user-db.ts";

export interface Context {
  readonly surroundings: Surroundings;
  readonly userId: number;
  readonly build: string;
  /** The server we belong to; empty until the first hello of a phone that was told nothing. */
  instance: string;
  readonly core: Core;
  readonly db: UserDb;
  readonly mirror: Mirror;
  device: Device;
  /** Sent along beside the cookie, for when the session has run out. */
  token: string | null;
  /** Draft generations this tab has seen. */
  readonly seen: Map<string, number>;
  /** Records this tab may take back until their time is over, with their frozen bytes. */
  readonly holds: Map<string, { body: string; until: number }>;
  /** How often the page was left. What was about to be written before may be older than what another page wrote. */
  left: number;
  /** Writes of this tab one after another, so that both stores end with the same version. */
  serial<T>(work: () => Promise<T>): Promise<T>;
  /** Ops, attachments or link changed: tell listeners here and in other tabs. */
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
