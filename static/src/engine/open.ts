/** Opens one person's outbox: checks that this browser keeps things, makes both stores agree, then starts to send. */
import { capture } from "./capture.ts";
import { isQuota } from "./connection.ts";
import { type Context, oneAtATime } from "./context.ts";
import { type Core, type Device, openCore } from "./core-db.ts";
import { draftsOf } from "./drafts.ts";
import { dropHolds, endHolds, mayUndo, restoreHolds, sendHeldNow, stillHeld } from "./hold.ts";
import { deviceCode, uuid4 } from "./ids.ts";
import { evictDisposable, inTime, openMirror } from "./mirror.ts";
import * as outbox from "./outbox.ts";
import { photosOf } from "./photos.ts";
import { parse } from "./rebuild.ts";
import { reconcile, unlessFull } from "./reconcile.ts";
import { purge } from "./release.ts";
import { tools } from "./rescue-tools.ts";
import { createSender, type Sender } from "./sender.ts";
import { forgetToken } from "./token.ts";
import { type RunningEngine, StorageFull, StorageUnavailable, type Surroundings } from "./types.ts";
import { undoTools } from "./undo-tools.ts";
import { openUserDb, type UserDb } from "./user-db.ts";

export interface OpenOptions {
  userId: number;
  instance: string;
  build: string;
}

const NOWHERE: Device = { id: "", code: "", created: 0 };

export async function openEngine(surroundings: Surroundings, options: OpenOptions): Promise<RunningEngine> {
  const { userId, instance, build } = options;
  const core = openCore(surroundings);
  const db = openUserDb(surroundings, userId);
  let channel: BroadcastChannel | null = null;
  const listeners = new Set<() => void>();
  let sender: Sender | null = null;
  let closed = false;
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const noting = oneAtATime();
  let noted: Promise<void> = Promise.resolve();
  const note = () => {
    noted = noting(() => noteAccount(ctx)).catch(() => undefined);
  };
  const mirror = inTime(openMirror(surroundings.caches, userId), surroundings.sleep);
  const ctx: Context = {
    ...{ surroundings, userId, build, instance, core, db, mirror, device: NOWHERE, token: null, seen: new Map() },
    holds: new Map(),
    left: 0,
    serial: oneAtATime(),
    changed() {
      if (closed) return;
      tell();
      channel?.postMessage(stillHeld(ctx).size > 0 ? "held" : "changed");
      note();
    },
    kick: (reason) => sender?.kick(reason),
  };
  const listen = () => {
    if (!closed) channel ??= surroundings.channel(`outbox-${userId}`);
    if (!channel) return;
    channel.onmessage = ({ data }) => {
      tell();
      void dropHolds(ctx).catch(() => undefined);
      // The tab that holds a record may be closed: another one sends it once its time has come.
      if (data === "held") sender?.kick("timer");
    };
  };
  const back = () => {
    listen();
    // Another page of this tab may have taken back or sent what was held here.
    if (ctx.left > 0) void restoreHolds(ctx).catch(() => undefined);
  };
  const mute = () => {
    channel?.close();
    channel = null;
  };
  listen();
  surroundings.onLeave?.(() => {
    ctx.left++;
    mute();
  }, back);
  const close = () => {
    closed = true;
    sender?.stop();
    mute();
    db.close();
    core.close();
  };
  try {
    await selfTest(ctx, db);
    await reconcile(ctx);
    ctx.device = await deviceOf(ctx, core);
    await purge(ctx).catch(unlessFull);
    await restoreHolds(ctx);
    for (const draft of await db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").getAll())) {
      ctx.seen.set(draft.key, draft.gen);
    }
  } catch (error) {
    close();
    throw error instanceof StorageFull || error instanceof StorageUnavailable
      ? error
      : new StorageUnavailable(String(error));
  }
  const running = createSender(ctx);
  sender = running;
  note();
  running.kick("open");
  return {
    userId,
    capture: (input) => capture(ctx, input),
    list: () => outbox.list(ctx),
    get: (op) => outbox.get(ctx, op),
    attachmentsOf: (owner) => outbox.attachmentsOf(ctx, owner),
    counts: () => outbox.counts(ctx),
    link: () => running.link(),
    kick: (reason) => running.kick(reason),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reopen: (op) => ctx.serial(() => outbox.reopen(ctx, op)),
    discard: (op) => ctx.serial(() => outbox.discard(ctx, op)),
    mayUndo: (op) => mayUndo(ctx, op),
    undo(op) {
      const now = surroundings.now();
      return ctx.serial(async () => (await import("./undo.ts")).undo(ctx, op, now, undoTools));
    },
    endHolds: () => endHolds(ctx),
    sendHeldNow: () => sendHeldNow(ctx),
    rescue: async () => (await import("./rescue.ts")).rescue(ctx, tools),
    drafts: draftsOf(ctx),
    photos: photosOf(ctx),
    noted: () => noted,
    leave: () => forgetToken(ctx),
    idle: () => running.idle(),
    hello: () => running.hello(),
    close,
  };
}

/** A full phone still opens: what lies on it must be sent and shown. */
async function selfTest(ctx: Context, db: UserDb): Promise<void> {
  const write = () =>
    db.run(["meta"], "readwrite", async (tx) => {
      await tx.objectStore("meta").put("probe", "probe");
      if ((await tx.objectStore("meta").get("probe")) !== "probe") throw new StorageUnavailable("nothing is kept");
      await tx.objectStore("meta").delete("probe");
    });
  for (const probe of [write, () => ctx.mirror.probe()]) {
    try {
      await probe();
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      if (!(error instanceof StorageFull) && !isQuota(error)) throw new StorageUnavailable(String(error));
      await evictDisposable(ctx.surroundings.caches);
    }
  }
}

/** The device outlives its database: a slow sentinel and every frozen record know it too. */
async function deviceOf(ctx: Context, core: Core): Promise<Device> {
  const { sentinel, now } = ctx.surroundings;
  const held = await core.get("device");
  const id = held?.id ?? sentinel?.get() ?? (await newestDevice(ctx)) ?? uuid4();
  const device = held ?? (await core.settle("device", { id, code: deviceCode(id), created: now() }));
  try {
    if (sentinel && sentinel.get() !== device.id) sentinel.set(device.id);
  } catch {
    // Only the slow third copy of the id.
  }
  return device;
}

async function newestDevice(ctx: Context): Promise<string | undefined> {
  const ops = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").getAll());
  const newest = ops.sort((a, b) => b.pos - a.pos)[0];
  return newest && parse(newest.body)?.dev;
}

/** Others on this phone may learn how much of this person's work is unsent, and nothing else. */
async function noteAccount(ctx: Context): Promise<void> {
  const { unsent, attention } = await outbox.counts(ctx);
  await ctx.core.putAccount({ user: ctx.userId, unsent, attention, updated: ctx.surroundings.now() });
}
