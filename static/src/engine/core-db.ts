/** Database shared by all users of this phone: device, accounts, active user. It contains no records. */
import type { DBSchema } from "idb";
import { type Connection, connect } from "./connection.ts";
import type { Environment } from "./types.ts";

export interface Device {
  id: string;
  code: string;
  created: number;
}

/** How many unsent records a person has on this phone; other users may see no more than this. */
export interface Account {
  user: number;
  unsent: number;
  attention: number;
  updated: number;
}

interface Facts {
  device: Device;
  active: number;
  instance: string;
  /** User who signed out offline; the server must be told first. */
  pending_logout: number;
}

interface CoreSchema extends DBSchema {
  facts: { key: string; value: unknown };
  accounts: { key: number; value: Account };
}

export interface Core {
  get<K extends keyof Facts>(name: K): Promise<Facts[K] | undefined>;
  set<K extends keyof Facts>(name: K, value: Facts[K]): Promise<void>;
  unset(name: keyof Facts): Promise<void>;
  /** Store the value unless one exists; return the stored one. Two tabs get the same. */
  settle<K extends keyof Facts>(name: K, value: Facts[K]): Promise<Facts[K]>;
  accounts(): Promise<Account[]>;
  putAccount(account: Account): Promise<void>;
  close(): void;
}

export function openCore(env: Environment): Core {
  const db: Connection<CoreSchema> = connect(env, "fieldapp-core", 1, (raw, oldVersion) => {
    if (oldVersion < 1) {
      raw.createObjectStore("facts");
      raw.createObjectStore("accounts", { keyPath: "user" });
    }
  });
  return {
    get: (name) => db.run(["facts"], "readonly", async (tx) => (await tx.objectStore("facts").get(name)) as never),
    set: (name, value) =>
      db.run(["facts"], "readwrite", async (tx) => void (await tx.objectStore("facts").put(value, name))),
    unset: (name) => db.run(["facts"], "readwrite", (tx) => tx.objectStore("facts").delete(name)),
    settle: (name, value) =>
      db.run(["facts"], "readwrite", async (tx) => {
        const facts = tx.objectStore("facts");
        const existing = await facts.get(name);
        if (existing !== undefined) return existing as never;
        await facts.put(value, name);
        return value;
      }),
    accounts: () => db.run(["accounts"], "readonly", (tx) => tx.objectStore("accounts").getAll()),
    putAccount: (account) =>
      db.run(["accounts"], "readwrite", async (tx) => void (await tx.objectStore("accounts").put(account))),
    close: () => db.close(),
  };
}
