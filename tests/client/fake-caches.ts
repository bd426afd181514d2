/** Cache Storage in memory, with a quota and a way to lose everything. */

interface Entry {
  headers: [string, string][];
  bytes: Uint8Array<ArrayBuffer>;
}

const ORIGIN = "https://phone.test";

export class FakeCaches {
  readonly stores = new Map<string, Map<string, Entry>>();
  quota = Number.POSITIVE_INFINITY;
  /** What becomes of removing an entry. */
  removing: "works" | "hangs" | "throws" = "works";
  /** What becomes of writing one. */
  putting: "works" | "hangs" = "works";
  #late: (() => void)[] = [];

  /** Writes that hung end after all, and nothing new hangs. */
  goOn(): void {
    this.putting = "works";
    for (const write of this.#late.splice(0)) write();
  }

  used(): number {
    let sum = 0;
    for (const store of this.stores.values()) for (const entry of store.values()) sum += entry.bytes.length;
    return sum;
  }

  entries(cache: string): string[] {
    return [...(this.stores.get(cache)?.keys() ?? [])];
  }

  /** One tab's view of it; `alive` false makes every call hang, as in a killed tab. */
  view(alive: () => boolean): CacheStorage {
    const gate = () => (alive() ? Promise.resolve() : new Promise<never>(() => undefined));
    const open = async (name: string) => {
      await gate();
      let store = this.stores.get(name);
      if (!store) {
        store = new Map();
        this.stores.set(name, store);
      }
      return this.#cache(store, gate);
    };
    const storage = {
      open,
      has: async (name: string) => this.stores.has(name),
      keys: async () => [...this.stores.keys()],
      delete: async (name: string) => this.stores.delete(name),
    };
    return storage as unknown as CacheStorage;
  }

  #cache(store: Map<string, Entry>, gate: () => Promise<unknown>): Cache {
    const cache = {
      put: async (path: string, response: Response) => {
        const bytes = new Uint8Array(await response.arrayBuffer());
        await gate();
        if (this.putting === "hangs") await new Promise<void>((write) => this.#late.push(write));
        const before = store.get(path)?.bytes.length ?? 0;
        if (this.used() - before + bytes.length > this.quota) throw new DOMException("full", "QuotaExceededError");
        store.set(path, { headers: [...response.headers], bytes });
      },
      match: async (path: string) => {
        await gate();
        const entry = store.get(path);
        return entry && new Response(entry.bytes.slice(), { headers: entry.headers });
      },
      delete: async (asked: string | Request) => {
        const path = typeof asked === "string" ? asked : new URL(asked.url).pathname;
        await gate();
        if (this.removing === "hangs") await new Promise(() => undefined);
        if (this.removing === "throws") throw new DOMException("no", "UnknownError");
        return store.delete(path);
      },
      keys: async () => {
        await gate();
        return [...store.keys()].map((path) => new Request(ORIGIN + path));
      },
    };
    return cache as unknown as Cache;
  }
}
