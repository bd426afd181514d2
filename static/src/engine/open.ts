/** Open a person's outbox: test the storage, reconcile both stores, start the sender. */
import { capture } from "./capture.ts";
import { isQuota } from "./connection.ts";
import { type Context, oneAtATime } from "./context.ts";
import { type Core, type Device, openCore } from "./core-db.ts";
import { draftsOf } from "./drafts.ts";
import { activeHolds, endHolds, mayUndo, removeEndedHolds, restoreHolds, sendHeldNow } from "./hold.ts";
import { deviceCode, uuid4 } from "./ids.ts";
import { evictPages, openMirror, withTimeouts } from "./mirror.ts";
import * as outbox from "./outbox.ts";
import { photosOf } from "./photos.ts";
import { parseEnvelope } from "./rebuild.ts";
import { ignoreStorageFull, reconcile } from "./reconcile.ts";
import { tools } from "./rescue-tools.ts";
import { deleteExpired } from "./retention.ts";
import { createSender, type Sender } from "./sender.ts";
import { forgetToken } from "./token.ts";
import { type Environment, type RunningEngine, StorageFull, StorageUnavailable } from "./types.ts";
import { undoTools } from "./undo-tools.ts";
import { openUserDb, type UserDb } from "./user-db.ts";

export interface OpenOptions {
  userId: number;
  instance: string;
  build: string;
}

const NO_DEVICE: Device = { id: "", code: "", created: 0 };

export async function openEngine(env: Environment, options: OpenOptions): Promise<RunningEngine> {
  const { userId, instance, build } = options;
  const core = openCore(env);
  const db = openUserDb(env, userId);
  let channel: BroadcastChannel | null = null;
  const listeners = new Set<() => void>();
  let sender: Sender | null = null;
  let closed = false;
  const notifyListeners = () => {
    for (const listener of listeners) listener();
  };
  const serialNote = oneAtATime();
  let noted: Promise<void> = Promise.resolve();
  const saveCounts = () => {
    noted = serialNote(() => writeAccount(ctx)).catch(() => undefined);
  };
  const mirror = withTimeouts(openMirror(env.caches, userId), env.sleep);
  const ctx: Context = {
    ...{ env, userId, build, instance, core, db, mirror, device: NO_DEVICE, token: null, gens: new Map() },
    holds: new Map(),
    exits: 0,
    serial: oneAtATime(),
    changed() {
      if (closed) return;
      notifyListeners();
      channel?.postMessage(activeHolds(ctx).size > 0 ? "held" : "changed");
      saveCounts();
    },
    kick: (reason) => sender?.kick(reason),
  };
  const openChannel = () => {
    if (!closed) channel ??= env.channel(`outbox-${userId}`);
    if (!channel) return;
    channel.onmessage = ({ data }) => {
      notifyListeners();
      void removeEndedHolds(ctx).catch(() => undefined);
      // The tab that holds a record may be closed: any tab sends it when the hold ends.
      if (data === "held") sender?.kick("timer");
    };
  };
  const back = () => {
    openChannel();
    // Another page of this tab may have undone or sent a held record.
    if (ctx.exits > 0) void restoreHolds(ctx).catch(() => undefined);
  };
  const closeChannel = () => {
    channel?.close();
    channel = null;
  };
  openChannel();
  env.onLeave?.(() => {
    ctx.exits++;
    closeChannel();
  }, back);
  const close = () => {
    closed = true;
    sender?.stop();
    closeChannel();
    db.close();
    core.close();
  };
  try {
    await selfTest(ctx, db);
    await reconcile(ctx);
    ctx.device = await deviceOf(ctx, core);
    await deleteExpired(ctx).catch(ignoreStorageFull);
    await restoreHolds(ctx);
    for (const draft of await db.run(["drafts"], "readonly", (tx) => tx.objectStore("drafts").getAll())) {
      ctx.gens.set(draft.key, draft.gen);
    }
  } catch (error) {
    close();
    throw error instanceof StorageFull || error instanceof StorageUnavailable
      ? error
      : new StorageUnavailable(String(error));
  }
  const running = createSender(ctx);
  sender = running;
  saveCounts();
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
      const now = env.now();
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

/** Check that both stores keep data. A full disk is no error: stored records must still be shown and sent. */
async function selfTest(ctx: Context, db: UserDb): Promise<void> {
  const write = () =>
    db.run(["meta"], "readwrite", async (tx) => {
      await tx.objectStore("meta").put("probe", "probe");
      if ((await tx.objectStore("meta").get("probe")) !== "probe") throw new StorageUnavailable("nothing is kept");
      await tx.objectStore("meta").delete("probe");
    });
  for (const check of [write, () => ctx.mirror.probe()]) {
    try {
      await check();
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      if (!(error instanceof StorageFull) && !isQuota(error)) throw new StorageUnavailable(String(error));
      await evictPages(ctx.env.caches);
    }
  }
}

/** Return the device id. If the database was wiped, localStorage or the newest record still has it. */
async function deviceOf(ctx: Context, core: Core): Promise<Device> {
  const { sentinel, now } = ctx.env;
  const storedDevice = await core.get("device");
  const id = storedDevice?.id ?? sentinel?.get() ?? (await newestDevice(ctx)) ?? uuid4();
  const device = storedDevice ?? (await core.settle("device", { id, code: deviceCode(id), created: now() }));
  try {
    if (sentinel && sentinel.get() !== device.id) sentinel.set(device.id);
  } catch {
    // Only a further copy of the id.
  }
  return device;
}

async function newestDevice(ctx: Context): Promise<string | undefined> {
  const ops = await ctx.db.run(["ops"], "readonly", (tx) => tx.objectStore("ops").getAll());
  const newest = ops.sort((a, b) => b.pos - a.pos)[0];
  return newest && parseEnvelope(newest.body)?.dev;
}

/** Write the number of unsent records where the phone's other users can see it. */
async function writeAccount(ctx: Context): Promise<void> {
  const { unsent, attention } = await outbox.counts(ctx);
  await ctx.core.putAccount({ user: ctx.userId, unsent, attention, updated: ctx.env.now() });
}
