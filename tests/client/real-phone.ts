/**
 * Real engines on a real network: stores in memory, the job on stdin. Each phone writes records with photos
 * in rounds and waits until a round has arrived; what they hold in the end is told on one line of JSON.
 */
import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { HUNG_TICK_MS, SILENT_MS, TICK_MS } from "../../static/src/engine/connection.ts";
import { uuidv7 } from "../../static/src/engine/ids.ts";
import { CALL_TICK_MS } from "../../static/src/engine/mirror.ts";
import { openEngine } from "../../static/src/engine/open.ts";
import type { CaptureInput, Environment, RunningEngine } from "../../static/src/engine/types.ts";
import { REQUEST_MS } from "../../static/src/engine/wire.ts";
import { FakeCaches } from "./fake-caches.ts";

interface Handset {
  cookie: string;
  user: number;
  /** How wrong its clock is, in milliseconds. */
  skew: number;
  timezone: string;
  /** Whether it talked to the server before it lost the network: then it knows how wrong its clock is. */
  greeted: boolean;
  /** Each is written without a network and sent afterwards. */
  rounds: { records: CaptureInput[]; photos: number }[];
}

interface Job {
  base: string;
  phones: Handset[];
  /** How many times faster than life the engine's pauses are. */
  speed: number;
  /** Give up after so many seconds. */
  seconds: number;
  /** So many records may stay unsent in the end. */
  leave: number;
  /** Bytes of a picture; the rest of each photo is noise behind its end. */
  jpeg: string;
  sizes: [least: number, most: number];
  role: string;
}

const job = JSON.parse(readFileSync(0, "utf8")) as Job;
const began = Date.now();

const STORAGE_MS = new Set([HUNG_TICK_MS, TICK_MS, CALL_TICK_MS, SILENT_MS]);

/**
 * Pauses are shortened, but a request and a turn are given the time they need here. Stores in memory never hang:
 * where hundreds of phones share this process, they are given more time than on a phone, not less.
 */
function shortened(ms: number): number {
  if (STORAGE_MS.has(ms)) return 10 * ms;
  const patience = ms === REQUEST_MS || ms === 2 * REQUEST_MS;
  return patience ? Math.max(ms / job.speed, Math.min(ms, 10_000)) : ms / job.speed;
}

function photo(): { name: string; mime: string; role: string; bytes: Uint8Array } {
  const [least, most] = job.sizes;
  const picture = Buffer.from(job.jpeg, "base64");
  const size = Math.max(picture.length, least + Math.floor(Math.random() * (most - least)));
  const bytes = new Uint8Array(size);
  randomFillSync(bytes);
  bytes.set(picture);
  return { name: "photo.jpg", mime: "image/jpeg", role: job.role, bytes };
}

class RealPhone {
  offline = true;
  statuses: Record<string, number> = {};
  #engine!: RunningEngine;

  constructor(readonly set: Handset) {}

  async live(): Promise<object> {
    const { user, rounds, greeted } = this.set;
    this.offline = !greeted;
    this.#engine = await openEngine(this.#env(), { userId: user, instance: "", build: "real-phone" });
    if (greeted) await this.#engine.idle();
    let done = true;
    let ms = 0;
    for (const { records, photos } of rounds) {
      this.offline = true;
      for (const record of records) await this.#write(record, photos);
      this.offline = false;
      const start = Date.now();
      this.#engine.kick("online");
      done = await this.#drained();
      ms += Date.now() - start;
      if (!done) break;
    }
    return { done, ms, statuses: this.statuses, ...(await this.#holds()) };
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    if (this.offline) throw new TypeError("Failed to fetch");
    const headers = new Headers(init.headers);
    headers.set("Cookie", `session=${this.set.cookie}`);
    headers.set("Accept-Language", "zh-CN");
    const answer = await fetch(job.base + path, { ...init, headers });
    this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1;
    return answer;
  }

  #env(): Environment {
    const { skew, timezone } = this.set;
    return {
      indexedDB: new IDBFactory(),
      caches: new FakeCaches().view(() => true),
      fetch: ((path: string, init: RequestInit) => this.#fetch(path, init)) as typeof fetch,
      locks: null,
      now: () => began + (Date.now() - began) * job.speed + skew,
      random: Math.random,
      sleep: (ms) => new Promise((wake) => setTimeout(wake, shortened(ms)).unref()),
      timezone: () => timezone,
      language: () => "zh-Hans",
      channel: () => null,
      displayMode: () => "standalone",
      persisted: async () => true,
      sentinel: null,
      point: async () => undefined,
    };
  }

  async #write(input: CaptureInput, photos: number): Promise<void> {
    const draftKey = photos > 0 ? `once:${uuidv7(Date.now())}` : null;
    for (let i = 0; i < photos && draftKey; i++) await this.#engine.photos.add(draftKey, photo());
    await this.#engine.capture({ ...input, draftKey });
  }

  async #drained(): Promise<boolean> {
    for (;;) {
      const { unsent, photos } = await this.#engine.counts();
      if (unsent <= job.leave && photos === 0) return true;
      if (Date.now() - began > job.seconds * 1000) return false;
      // Nothing else keeps this process alive: the engine's own pauses do not.
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  async #holds(): Promise<object> {
    const ops = await this.#engine.list();
    const files = [];
    for (const op of ops) files.push(...(await this.#engine.attachmentsOf({ op: op.op })));
    this.#engine.close();
    return {
      records: ops.map(({ op, seq, kind, state, lastError, attempts }) => ({
        op,
        seq,
        kind,
        state,
        lastError,
        attempts,
      })),
      photos: files.map(({ id, sha256, size, state }) => ({ id, sha256, size, state })),
    };
  }
}

const told = await Promise.all(job.phones.map((set) => new RealPhone(set).live()));
process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
