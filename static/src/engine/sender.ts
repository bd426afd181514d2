/** Schedule sending: one sender among all tabs, at once after events, else with backoff and without end. */
import { backoff } from "./backoff.ts";
import type { Context } from "./context.ts";
import { evictPages } from "./mirror.ts";
import { LOCK_LOST, makeAllDue } from "./results.ts";
import { newMemory, runTurn, type TurnResult } from "./turn.ts";
import { type HelloInfo, type Link, StorageFull } from "./types.ts";
import { getMeta } from "./user-db.ts";

export interface Sender {
  kick(reason: string): void;
  idle(): Promise<void>;
  link(): Link;
  hello(): HelloInfo | null;
  stop(): void;
}

const TURN_TIMEOUT_MS = 60_000;
/** Delay while another tab is sending. */
const LOCK_RETRY_MS = 2_000;
/** A frozen tab may keep the lock; after this long without heartbeat the lock is stolen. */
const HEARTBEAT_TIMEOUT_MS = 120_000;
/** Reasons given by a person: also send records that wait for a later time. */
const MANUAL_REASONS = new Set(["tap", "retry", "asked"]);

export function createSender(ctx: Context): Sender {
  const { env } = ctx;
  const memory = newMemory();
  let link: Link = "unknown";
  let running: Promise<void> | null = null;
  let nextReason: string | null = null;
  let failures = 0;
  let pausedUntil = 0;
  let wakeId = 0;
  let stopped = false;
  /** A page that is left releases its lock at once, or other tabs would wait for nothing. */
  let resolveExit = () => {};
  let pageExit = nextPageExit();

  function nextPageExit(): Promise<void> {
    return new Promise((resolve) => {
      resolveExit = resolve;
    });
  }

  env.onLeave?.(
    () => {
      resolveExit();
      loseLock();
    },
    () => {
      pageExit = nextPageExit();
    },
  );

  /** Abort running turns; they may not change marks any more, which may belong to another sender. */
  function loseLock(): void {
    for (const deadline of deadlines) deadline.abort(LOCK_LOST);
  }

  function setLink(next: Link): void {
    if (next === link) return;
    link = next;
    ctx.changed();
  }

  function scheduleWake(atMs: number): void {
    const id = ++wakeId;
    const ms = Math.max(0, atMs - env.now());
    void env.sleep(ms).then(() => {
      if (id === wakeId) kick("timer");
    });
  }

  function kick(reason: string): void {
    if (stopped) return;
    if (running) {
      nextReason = MANUAL_REASONS.has(nextReason ?? "") ? nextReason : reason;
      return;
    }
    if (reason !== "timer") failures = 0;
    running = run(reason)
      .catch(async (error: unknown) => {
        // Another tab stole the lock from this frozen page, or the turn failed.
        loseLock();
        // The marks do not fit: delete cached pages.
        if (error instanceof StorageFull) await evictPages(env.caches).catch(() => undefined);
        scheduleWake(env.now() + backoff(++failures, env.random()));
      })
      .finally(() => {
        running = null;
        const next = nextReason;
        nextReason = null;
        if (next !== null) kick(next);
      });
  }

  async function run(reason: string): Promise<void> {
    wakeId++;
    if (MANUAL_REASONS.has(reason)) {
      await makeAllDue(ctx);
      memory.photoFailures = new Map();
    }
    for (;;) {
      if (stopped) return;
      const now = env.now();
      // Retry-After; if the clock was set back it must not become longer.
      if (now < pausedUntil && pausedUntil - now <= 3_600_000) return scheduleWake(pausedUntil);
      const result = await withLock();
      if (stopped || result === "left") return;
      if (result === "busy") return scheduleWake(env.now() + LOCK_RETRY_MS);
      if (result.is === "failed") {
        setLink(result.link);
        failures++;
        // Backoff on top of Retry-After: the server may have sent the same value to every phone.
        const wait = (result.waitMs ?? 0) + backoff(failures, env.random());
        if (result.waitMs !== null) pausedUntil = env.now() + wait;
        return scheduleWake(env.now() + wait);
      }
      failures = 0;
      setLink(memory.signIn ? "sign_in" : "online");
      if (result.is === "done") {
        if (result.wakeAt !== null) scheduleWake(result.wakeAt);
        return;
      }
    }
  }

  async function withLock(): Promise<TurnResult | "busy" | "left"> {
    const { locks } = env;
    if (!locks) return runWithDeadline();
    const abandonTurn = () => {
      // Also abort a turn that began after the page was left.
      loseLock();
      return "left" as const;
    };
    const turnOrExit = () => Promise.race([runWithDeadline(), pageExit.then(abandonTurn)]);
    const name = `flush-${ctx.userId}`;
    const result = await locks.request(name, { ifAvailable: true }, (lock) =>
      lock ? turnOrExit() : ("busy" as const),
    );
    if (result !== "busy" || !(await holderIsDead())) return result;
    return locks.request(name, { steal: true }, turnOrExit);
  }

  async function holderIsDead(): Promise<boolean> {
    const heartbeat = await ctx.db.run(["meta"], "readonly", (tx) => getMeta<number>(tx, "heartbeat"));
    return heartbeat !== undefined && Math.abs(env.now() - heartbeat) > HEARTBEAT_TIMEOUT_MS;
  }

  async function runWithDeadline(): Promise<TurnResult> {
    const deadline = new AbortController();
    deadlines.add(deadline);
    void env.sleep(TURN_TIMEOUT_MS).then(() => deadline.abort());
    try {
      return await runTurn(ctx, memory, deadline.signal);
    } finally {
      deadlines.delete(deadline);
    }
  }

  const deadlines = new Set<AbortController>();
  return {
    kick,
    async idle() {
      while (running) await running;
    },
    link: () => link,
    hello: () => memory.hello,
    stop() {
      stopped = true;
      wakeId++;
      for (const deadline of deadlines) deadline.abort();
    },
  };
}
