/** When to send: one sender among all tabs, at once where something happened, else with growing pauses for ever. */
import { backoff } from "./backoff.ts";
import type { Context } from "./context.ts";
import { evictDisposable } from "./mirror.ts";
import { dueNow, LOST } from "./results.ts";
import { newMemory, type Turn, turn } from "./turn.ts";
import { type HelloInfo, type Link, StorageFull } from "./types.ts";
import { getMeta } from "./user-db.ts";

export interface Sender {
  kick(reason: string): void;
  idle(): Promise<void>;
  link(): Link;
  hello(): HelloInfo | null;
  stop(): void;
}

const TURN_MS = 60_000;
/** Another tab is sending: look again soon, it may be closed any moment. */
const BUSY_MS = 2_000;
/** A frozen tab may keep the lock; without a sign of life for this long it loses it. */
const DEAD_MS = 120_000;
/** Only these mean "send what waits for its hour, too". */
const BY_HAND = new Set(["tap", "retry", "asked"]);

export function createSender(ctx: Context): Sender {
  const { surroundings } = ctx;
  const memory = newMemory();
  let link: Link = "unknown";
  let running: Promise<void> | null = null;
  let again: string | null = null;
  let failures = 0;
  let pausedUntil = 0;
  let alarm = 0;
  let stopped = false;
  /** A page that is left gives its lock away at once: others would wait for one that does nothing. */
  let letGo = () => {};
  let leaving = untilLeft();

  function untilLeft(): Promise<void> {
    return new Promise((resolve) => {
      letGo = resolve;
    });
  }

  surroundings.onLeave?.(
    () => {
      letGo();
      loseLock();
    },
    () => {
      leaving = untilLeft();
    },
  );

  /** What goes on after this may not touch marks any more: they may be another sender's. */
  function loseLock(): void {
    for (const deadline of deadlines) deadline.abort(LOST);
  }

  function setLink(next: Link): void {
    if (next === link) return;
    link = next;
    ctx.changed();
  }

  function wake(atMs: number): void {
    const mine = ++alarm;
    const ms = Math.max(0, atMs - surroundings.now());
    void surroundings.sleep(ms).then(() => {
      if (mine === alarm) kick("timer");
    });
  }

  function kick(reason: string): void {
    if (stopped) return;
    if (running) {
      again = BY_HAND.has(again ?? "") ? again : reason;
      return;
    }
    if (reason !== "timer") failures = 0;
    running = run(reason)
      .catch(async (error: unknown) => {
        // Another tab took the lock from a page that had been frozen.
        loseLock();
        // Without room to note what is being sent nothing can go: pages first.
        if (error instanceof StorageFull) await evictDisposable(surroundings.caches).catch(() => undefined);
        wake(surroundings.now() + backoff(++failures, surroundings.random()));
      })
      .finally(() => {
        running = null;
        const next = again;
        again = null;
        if (next !== null) kick(next);
      });
  }

  async function run(reason: string): Promise<void> {
    alarm++;
    if (BY_HAND.has(reason)) {
      await dueNow(ctx);
      memory.photoFailures = new Map();
    }
    for (;;) {
      if (stopped) return;
      const now = surroundings.now();
      // Set by a server that asked for rest; a clock turned back must not stretch it.
      if (now < pausedUntil && pausedUntil - now <= 3_600_000) return wake(pausedUntil);
      const result = await withLock();
      if (stopped || result === "left") return;
      if (result === "busy") return wake(surroundings.now() + BUSY_MS);
      if (result.is === "failed") {
        setLink(result.link);
        failures++;
        // Also on top of what a server asked for: it may have said "at once", and said it to every phone.
        const wait = (result.waitMs ?? 0) + backoff(failures, surroundings.random());
        if (result.waitMs !== null) pausedUntil = surroundings.now() + wait;
        return wake(surroundings.now() + wait);
      }
      failures = 0;
      setLink(memory.signIn ? "sign_in" : "online");
      if (result.is === "done") {
        if (result.wakeAt !== null) wake(result.wakeAt);
        return;
      }
    }
  }

  async function withLock(): Promise<Turn | "busy" | "left"> {
    const { locks } = surroundings;
    if (!locks) return oneTurn();
    const gone = () => {
      // Also a turn that was begun after the page was left.
      loseLock();
      return "left" as const;
    };
    const turnOrLeft = () => Promise.race([oneTurn(), leaving.then(gone)]);
    const name = `flush-${ctx.userId}`;
    const result = await locks.request(name, { ifAvailable: true }, (lock) =>
      lock ? turnOrLeft() : ("busy" as const),
    );
    if (result !== "busy" || !(await holderIsDead())) return result;
    return locks.request(name, { steal: true }, turnOrLeft);
  }

  async function holderIsDead(): Promise<boolean> {
    const beat = await ctx.db.run(["meta"], "readonly", (tx) => getMeta<number>(tx, "heartbeat"));
    return beat !== undefined && Math.abs(surroundings.now() - beat) > DEAD_MS;
  }

  async function oneTurn(): Promise<Turn> {
    const deadline = new AbortController();
    deadlines.add(deadline);
    void surroundings.sleep(TURN_MS).then(() => deadline.abort());
    try {
      return await turn(ctx, memory, deadline.signal);
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
      alarm++;
      for (const deadline of deadlines) deadline.abort();
    },
  };
}
