/** A phone, its tabs, the way to the server, and a clock that only moves when told. Nothing sleeps. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { openEngine } from "../../static/src/engine/open.ts";
import type { Environment, RunningEngine } from "../../static/src/engine/types.ts";
import { FakeCaches } from "./fake-caches.ts";
import { type Asked, FakeServer } from "./fake-server.ts";

export * from "./inputs.ts";

/** What the network does to one request. */
export type Fault = "pass" | "cut" | "lost" | "hang" | "redirect" | Response | undefined;

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

interface Sleeper {
  at: number;
  wake: () => void;
}

interface Holder {
  tab: Tab;
  token: symbol;
}

export class Phone {
  now = Date.parse("2026-11-22T09:14:03.120Z");
  readonly server = new FakeServer(() => this.now);
  idb = new IDBFactory();
  caches = new FakeCaches();
  offline = false;
  fault: (asked: Asked) => Fault = () => "pass";
  sentinelId: string | null = null;
  random = () => 0.5;
  tabs: Tab[] = [];
  estimate: Environment["estimate"] = undefined;
  /** When set, a tab dies on reaching this point. */
  killAt: string | null = null;
  /** Told of every point that a tab passes, before anything else happens there. */
  onPoint: (name: string, tab: Tab) => unknown = () => undefined;
  readonly locks = new Map<string, Holder>();
  readonly channels = new Set<{ name: string; tab: Tab; onmessage: ((event: MessageEvent) => void) | null }>();
  #sleepers: Sleeper[] = [];
  #hung: (() => void)[] = [];

  /** Requests of living tabs that nobody will answer. */
  get hanging(): number {
    return this.tabs.reduce((sum, tab) => sum + tab.hanging, 0);
  }

  /** `held` is what an earlier page in the same tab left in its session storage. */
  async open(userId = 17, build = "b1", held: string[] = []): Promise<Tab> {
    const tab = new Tab(this);
    tab.held = held;
    this.tabs.push(tab);
    try {
      tab.engine = await openEngine(tab.env(), { userId, instance: this.server.instance, build });
    } catch (error) {
      tab.kill();
      throw error;
    }
    return tab;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ at: this.now + ms, wake }));
  }

  hang(tab: Tab): void {
    tab.hanging++;
    for (const tell of this.#hung.splice(0)) tell();
  }

  /** Waits until every sender stands still or hangs in the network. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await tick();
      if (this.hanging > 0) continue;
      const idle = Promise.all(this.tabs.map((tab) => Promise.race([tab.engine?.idle(), tab.dead])));
      await Promise.race([idle, new Promise<void>((resolve) => this.#hung.push(resolve))]);
    }
  }

  /** Lets time pass, waking what is due in order. */
  run(ms: number): Promise<void> {
    return this.#pass(ms, () => this.settle());
  }

  /** The same where the stores do not answer, and no sender ever stands still. */
  runHanging(ms: number): Promise<void> {
    return this.#pass(ms, async () => {
      for (let i = 0; i < 200; i++) await tick();
    });
  }

  async #pass(ms: number, rest: () => Promise<void>): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await rest();
      const next = this.#sleepers.filter((sleeper) => sleeper.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.now = Math.max(this.now, next.at);
      next.wake();
      await tick();
    }
    this.now = end;
  }

  /** The browser found its database damaged and threw it away: all of the origin's. */
  wipeDatabases(): void {
    for (const tab of this.tabs.slice()) tab.kill();
    this.idb = new IDBFactory();
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class Tab {
  engine!: RunningEngine;
  alive = true;
  hanging = 0;
  /** Session storage: the records this tab may take back. */
  held: string[] = [];
  #died: () => void = () => undefined;
  readonly #pages: { leave: () => void; back: () => void }[] = [];
  readonly dead = new Promise<void>((resolve) => {
    this.#died = resolve;
  });

  constructor(readonly phone: Phone) {}

  /** Like SIGKILL: whatever was under way never comes back. */
  kill(): void {
    this.alive = false;
    const { phone } = this;
    phone.tabs = phone.tabs.filter((tab) => tab !== this);
    for (const [name, holder] of phone.locks) if (holder.tab === this) phone.locks.delete(name);
    this.engine?.close();
    this.#died();
  }

  /** Another page is opened in this tab; this one stays in the browser's memory. */
  leave(): void {
    for (const { leave } of this.#pages) leave();
  }

  back(): void {
    for (const { back } of this.#pages) back();
    this.engine?.kick("pageshow");
  }

  env(): Environment {
    const { phone } = this;
    return {
      onLeave: (leave, back) => void this.#pages.push({ leave, back }),
      indexedDB: phone.idb,
      caches: phone.caches.view(() => this.alive),
      fetch: ((path: string, init: RequestInit) => this.#fetch(path, init)) as typeof fetch,
      locks: this.#locks(),
      now: () => phone.now,
      random: () => phone.random(),
      sleep: (ms) => phone.sleep(ms).then(() => (this.alive ? undefined : never())),
      timezone: () => "Asia/Shanghai",
      language: () => "zh-Hans",
      channel: (name) => this.#channel(name),
      displayMode: () => "standalone",
      persisted: async () => true,
      sentinel: {
        get: () => phone.sentinelId,
        set(value) {
          phone.sentinelId = value;
        },
      },
      heldIds: {
        get: () => this.held,
        set: (ids) => {
          this.held = ids;
        },
      },
      estimate: phone.estimate,
      point: async (name) => {
        if (this.alive) await phone.onPoint(name, this);
        if (phone.killAt === name && this.alive) {
          phone.killAt = null;
          this.kill();
        }
        if (!this.alive) await never();
      },
    };
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { phone } = this;
    await tick();
    // A request with keepalive outlives its page; nobody hears its answer.
    if (!this.alive && !init.keepalive) return never();
    if (phone.offline) throw new TypeError("Failed to fetch");
    const body = (init.body ?? "") as string | Uint8Array;
    const asked: Asked = { method: init.method ?? "GET", path, headers: new Headers(init.headers), body };
    const fault = phone.fault(asked);
    if (fault instanceof Response) return fault;
    if (fault === "cut" || fault === "redirect") throw new TypeError("Failed to fetch");
    if (fault === "hang") {
      phone.hang(this);
      return new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => {
          this.hanging--;
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    }
    const answer = phone.server.handle(asked);
    await tick();
    if (!this.alive) return never();
    if (fault === "lost") throw new TypeError("Failed to fetch");
    return answer;
  }

  #locks(): LockManager {
    const { locks } = this.phone;
    const request = async (name: string, options: LockOptions, work: (lock: object | null) => Promise<unknown>) => {
      if (locks.has(name) && !options.steal) return work(null);
      const holder = { tab: this, token: Symbol(name) };
      locks.set(name, holder);
      try {
        return await work({ name });
      } finally {
        if (locks.get(name)?.token === holder.token) locks.delete(name);
      }
    };
    return { request } as unknown as LockManager;
  }

  #channel(name: string): BroadcastChannel {
    const { channels } = this.phone;
    const end = { name, tab: this as Tab, onmessage: null as ((event: MessageEvent) => void) | null };
    channels.add(end);
    const postMessage = (data: unknown) => {
      for (const other of channels) {
        if (other !== end && other.name === name) other.onmessage?.({ data } as MessageEvent);
      }
    };
    const channel = Object.assign(end, { postMessage, close: () => void channels.delete(end) });
    return channel as unknown as BroadcastChannel;
  }
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}
