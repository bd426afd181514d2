/** Plays the steps on a phone and holds them against the promises. The oracle is what people were told. */
import assert from "node:assert/strict";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { type CaptureInput, type Op, TooLate } from "../../static/src/engine/types.ts";
import { sha } from "./fake-server.ts";
import { DAY, expense, type Fault, HOUR, MINUTE, newId, Phone, photo, type Tab, visit } from "./harness.ts";
import type { FAULTS, Step } from "./model-schedule.ts";

/** What the person was told, and nothing the engine thinks. */
class Oracle {
  saved = new Map<string, { input: CaptureInput; photos: number }>();
  discarded = new Set<string>();
  /** Taken back, and the person was told so. */
  undone = new Set<string>();
  /** The tab died while it was taking the record back: it is sent or taken back, never both and never neither. */
  perhapsUndone = new Set<string>();
}

/** As long as the forms of the product hold a decision. */
export const HOLD = 8000;

export class World {
  readonly phone = new Phone();
  readonly oracle = new Oracle();
  readonly visits = [newId(), newId(), newId()];
  faults: (typeof FAULTS)[number][] = [];
  /** Counts the releases of the client. */
  build = 1;
  #wiped = false;

  constructor() {
    this.phone.fault = () => this.#fault();
  }

  #fault(): Fault {
    const next = this.faults.shift();
    const { server } = this.phone;
    switch (next) {
      case undefined:
        return "pass";
      case "html":
        return new Response("<html>", { headers: { "Content-Type": "text/html" } });
      case "empty":
        return server.json({});
      case "500":
        return new Response("oops", { status: 500 });
      case "503":
        return new Response("", { status: 503, headers: { "Retry-After": "120" } });
      case "half":
        return server.json({ results: [] });
      default:
        return next;
    }
  }

  /** A live tab; after a kill the app is started again, as a person would. */
  async tab(at = 0): Promise<Tab> {
    for (let tries = 0; ; tries++) {
      const found = this.phone.tabs[at] ?? this.phone.tabs[0];
      if (found?.engine) return found;
      if (tries > 3) throw new Error("the app does not start");
      await this.#orKilled(this.phone.open(17, `b${this.build}`));
    }
  }

  /** Undefined when the tab died meanwhile: then nobody was told anything. */
  async #orKilled<T>(work: Promise<T>): Promise<T | undefined> {
    const dead = Promise.race(this.phone.tabs.map((tab) => tab.dead));
    const settled = work.then(
      (value) => ({ value }),
      (error: unknown) => {
        if (error instanceof Error && /already submitted|closed/.test(error.message)) return undefined;
        throw error;
      },
    );
    return (await Promise.race([settled, dead.then(() => undefined)]))?.value;
  }

  async save(tab: Tab, input: CaptureInput, photos = 0): Promise<void> {
    const done = await this.#orKilled(tab.engine.capture(input));
    if (done) this.oracle.saved.set(done.op, { input, photos });
  }

  async play(step: Step): Promise<void> {
    const { phone } = this;
    switch (step.do) {
      case "capture":
        return this.save(await this.tab(step.tab), visit("visit.note", this.visits[step.lane] ?? "", { n: newId() }));
      case "refusable": {
        const tab = await this.tab(step.tab);
        const draftKey = `once:${newId()}`;
        for (let i = 0; i < step.photos; i++) {
          if (!tab.alive || !(await this.#orKilled(tab.engine.photos.add(draftKey, photo(600_000 + i, i))))) return;
        }
        return this.save(tab, expense({ draftKey }, { amount: "0" }), step.photos);
      }
      case "draft": {
        const draft = { kind: "k", title: "t", url: "/u", fields: { a: newId() }, supersedes: null, problems: null };
        const tab = await this.tab(step.tab);
        await this.#orKilled(tab.engine.drafts.load(`d${step.key}`));
        if (tab.alive) await this.#orKilled(tab.engine.drafts.save({ key: `d${step.key}`, ...draft }));
        return;
      }
      case "send":
        return this.save(await this.tab(step.tab), expense({ draftKey: `d${step.key}` }));
      case "decide": {
        const tab = await this.tab(step.tab);
        const id = newId();
        const draftKey = step.form ? `decision:${id}` : null;
        const photos = step.form ? step.photos : 0;
        for (let i = 0; i < photos; i++) {
          const key = `decision:${id}`;
          if (!tab.alive || !(await this.#orKilled(tab.engine.photos.add(key, photo(40_000 + i, i))))) return;
        }
        const more = { draftKey, fields: { reason: id }, data: { reason: id }, hold: HOLD, title: "Decision" };
        return this.save(tab, expense({ kind: "expense_claim.approve", agg: ["expense_claim", id], ...more }), photos);
      }
      case "undo":
        return this.#undo(await this.tab(step.tab));
      case "leave": {
        const tab = await this.tab(step.tab);
        tab.leave();
        tab.engine.sendHeldNow();
        return tab.kill();
      }
      case "correct": {
        const tab = await this.tab(step.tab);
        const refused = (await this.#orKilled(tab.engine.list()))?.find((op) => op.state === "rejected");
        const draft = refused && tab.alive && (await this.#orKilled(tab.engine.reopen(refused.op)));
        if (!draft || !tab.alive) return;
        const { data, agg } = JSON.parse(refused.body) as Envelope;
        return this.save(tab, expense({ agg, draftKey: draft.key, data: { ...data, amount: "12" } }));
      }
      case "discard": {
        const tab = await this.tab(step.tab);
        const open = ((await this.#orKilled(tab.engine.list())) ?? []).filter(
          (op) => op.state === "saved" || op.state === "rejected",
        );
        const op = open[step.pick];
        if (!op || tab.phone.locks.size > 0) return;
        this.oracle.discarded.add(op.op);
        await this.#orKilled(tab.engine.discard(op.op).catch(() => undefined));
        return;
      }
      case "wait":
        return phone.run(step.ms);
      case "faults":
        this.faults = [...step.list];
        return;
      case "offline":
        phone.offline = step.on;
        return;
      case "kill-at":
        phone.killAt = step.point;
        return;
      case "kill":
        (await this.tab(step.tab)).kill();
        return;
      case "wipe":
        phone.wipeDatabases();
        this.#wiped = true;
        return;
      case "second-tab":
        if (phone.tabs.length < 2) await this.#orKilled(phone.open(17, `b${this.build}`));
        return;
      case "signed-in":
        phone.server.signedIn = step.on;
        return;
      case "other-user": {
        phone.server.user = 18;
        for (const tab of phone.tabs.slice()) tab.kill();
        const other = await this.#orKilled(phone.open(18));
        if (other) assert.deepEqual(await other.engine.list(), [], "I4 nothing of another person is shown");
        await phone.run(MINUTE);
        for (const tab of phone.tabs.slice()) tab.kill();
        phone.server.user = 17;
        return;
      }
      case "clock":
        phone.now += step.days * DAY;
        return;
      case "deploy": {
        // The server is new and takes other batches; one page is new, another may still be the old one.
        phone.server.limits = { ...phone.server.limits, batch_ops: step.batch };
        this.build++;
        phone.tabs[0]?.kill();
        await this.#orKilled(phone.open(17, `b${this.build}`));
        return;
      }
      case "busy":
        phone.server.poisoned = step.on ? (envelope) => envelope.seq % 3 === 0 : () => false;
    }
  }

  /** Takes the newest decision back that this tab may take back. */
  async #undo(tab: Tab): Promise<void> {
    const op = (await this.#orKilled(tab.engine.list()))?.find((row) => tab.engine.mayUndo(row))?.op;
    if (!op || !tab.alive) return;
    const { undone, perhapsUndone } = this.oracle;
    perhapsUndone.add(op);
    const answer = tab.engine.undo(op).then(
      () => "undone",
      (error: unknown) => {
        if (error instanceof TooLate) return "late";
        throw error;
      },
    );
    // Only this tab's own death leaves it open what the person was told.
    const told = await Promise.race([answer, tab.dead.then(() => undefined)]);
    if (told) perhapsUndone.delete(op);
    if (told === "undone") undone.add(op);
  }

  /** The form of a decision, where it is open again: with the fields and photos it had. */
  async #formIsBack(tab: Tab, op: string): Promise<boolean> {
    const saved = this.oracle.saved.get(op);
    const key = saved?.input.draftKey;
    const draft = key ? await tab.engine.drafts.load(key) : undefined;
    if (!saved || !key || !draft) return false;
    assert.deepEqual(draft.fields, saved.input.fields, `I9 the form of ${op} came back with other fields`);
    assert.equal((await tab.engine.attachmentsOf({ draft: key })).length, saved.photos, `I9 photos of ${op}`);
    return true;
  }

  /** What was taken back is never sent, and its form is open again; else the decision is sent, once. */
  async #undone(tab: Tab): Promise<void> {
    const { saved, undone, perhapsUndone, discarded } = this.oracle;
    const { applied } = this.phone.server;
    for (const [op, { input }] of saved) {
      if (!input.hold || discarded.has(op)) continue;
      const back = await this.#formIsBack(tab, op);
      const sent = applied.filter((one) => one === op).length;
      if (undone.has(op)) assert.deepEqual([sent, back], [0, input.draftKey !== null], `I9 ${op} was taken back`);
      else if (!perhapsUndone.has(op)) assert.deepEqual([sent, back], [1, false], `I9 ${op} was not taken back`);
      else if (input.draftKey !== null && !this.#wiped) assert.equal(sent === 1, !back, `I9 ${op}: both or neither`);
    }
  }

  /** What the list shows, and the corrected records behind it. */
  async #rows(tab: Tab): Promise<{ rows: Map<string, Op>; behind: Map<string, Op> }> {
    const rows = new Map((await tab.engine.list()).map((op) => [op.op, op]));
    const behind = new Map<string, Op>();
    for (const op of this.oracle.saved.keys()) {
      const row = rows.has(op) ? undefined : await tab.engine.get(op);
      if (row) behind.set(op, row);
    }
    return { rows, behind };
  }

  /** Holds at every moment, whatever is under way. */
  async always(): Promise<void> {
    const { ledger, applied } = this.phone.server;
    const seen = await this.#orKilled(this.#rows(await this.tab()));
    // Killed while we looked: look again at what the next start finds.
    if (!seen) return this.always();
    const { rows, behind } = seen;
    const mirror = new Set(this.phone.caches.entries("outbox-17"));
    const { discarded, undone, perhapsUndone } = this.oracle;
    for (const op of undone) assert.ok(!ledger.has(op) && !rows.has(op), `I9 ${op} was taken back and is there`);
    for (const op of this.oracle.saved.keys()) {
      if (discarded.has(op) || undone.has(op) || perhapsUndone.has(op)) continue;
      const row = rows.get(op) ?? behind.get(op);
      assert.ok(row || mirror.has(`/__outbox/op/${op}`) || ledger.has(op), `I1 I5 ${op} is nowhere`);
    }
    for (const row of rows.values()) {
      if (row.state === "accepted") assert.equal(ledger.get(row.op)?.outcome, "accepted", "I7 received without ledger");
    }
    assert.equal(new Set(applied).size, applied.length, "I2 an effect happened twice");
    for (const entry of ledger.values()) assert.equal(entry.envelope.user, 17, "I4 another person's record arrived");
  }

  /** With a working network everything ends in a bounded time. */
  async finish(): Promise<void> {
    const { phone } = this;
    this.faults = [];
    phone.killAt = null;
    phone.offline = false;
    phone.server.signedIn = true;
    phone.server.poisoned = () => false;
    for (const tab of phone.tabs.slice()) tab.kill();
    const tab = await this.tab();
    await phone.run(3 * HOUR);
    await this.always();
    const list = await tab.engine.list();
    const refused = new Set(list.filter((op) => op.state === "rejected" || op.state === "conflict").map((op) => op.op));
    for (const op of list) this.#ended(op, list, refused);
    this.#lanes();
    await this.#undone(tab);
    await this.#photos(list, tab);
    const drafts = new Map<string, number>();
    for (const { envelope, outcome } of phone.server.ledger.values()) {
      if (outcome === "accepted" && envelope.supersedes) {
        drafts.set(envelope.supersedes, (drafts.get(envelope.supersedes) ?? 0) + 1);
      }
    }
    for (const [op, times] of drafts) assert.equal(times, 1, `I2 ${op} was corrected twice`);
  }

  #ended(op: Op, list: Op[], refused: Set<string>): void {
    if (["accepted", "rejected", "conflict", "held"].includes(op.state)) return;
    const waits = op.depends.some((id) => refused.has(id) || list.some((on) => on.op === id && on.state === "saved"));
    assert.ok(waits, `I8 ${op.op} is still ${op.state}: ${op.lastError}`);
  }

  /** Within a lane the effects happened in the order in which the person made the records. */
  #lanes(): void {
    const order = [...this.oracle.saved.keys()];
    const { applied, ledger } = this.phone.server;
    for (const visitId of this.visits) {
      const lane = applied.filter((op) => ledger.get(op)?.envelope.agg[1] === visitId && this.oracle.saved.has(op));
      const places = lane.map((op) => order.indexOf(op));
      assert.deepEqual(
        places,
        places.slice().sort((a, b) => a - b),
        "I3 lane order",
      );
    }
  }

  async #photos(list: Op[], tab: Tab): Promise<void> {
    for (const [id, upload] of this.phone.server.uploads) {
      assert.ok(upload.stored, `I8 photo ${id} is not complete`);
      assert.equal(sha(upload.bytes), upload.sha256, "I6 photo bytes");
    }
    for (const op of list.filter((row) => row.state === "accepted")) {
      for (const att of (JSON.parse(op.body) as Envelope).atts) {
        assert.equal(this.phone.server.uploads.get(att.id)?.sha256, att.sha256, "I6 photo of a received record");
      }
    }
    assert.equal((await tab.engine.counts()).photos, 0);
  }
}
