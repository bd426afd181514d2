/**
 * Failure modes 41 to 43, figure 10: every way in which A may leave a phone to B, with and without a signal, with one
 * tab or two. What the server was sent, by whom and for whom, is held against what A and B wrote.
 */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import test, { after } from "node:test";
import { openCore } from "../../static/src/engine/core-db.ts";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import { signedOutOwner } from "../../static/src/engine/token.ts";
import { expense, HOUR, Phone, photo, type Tab } from "./harness.ts";

const A = 17;
const B = 18;

/** How A leaves: says so; goes with the app closed; is replaced; or the session runs out. */
const LEAVINGS = [
  "signs out",
  "leaves the tab behind",
  "is replaced by B",
  "runs out of session",
  "killed",
  "wiped",
] as const;
type Leaving = (typeof LEAVINGS)[number];

const found = { cases: 0, leaks: 0, wrongAuthor: 0, lost: 0, sentAway: 0 };
after(() => {
  // For tests/faults/shared_phone.py.
  if (process.env.FIGURES) appendFileSync(process.env.FIGURES, `${JSON.stringify(found)}\n`);
});

/** What the page does when a person signs in: users.ts. */
async function signIn(phone: Phone, user: number): Promise<Tab> {
  phone.server.signedIn = true;
  phone.server.user = user;
  const tab = await phone.open(user);
  const core = openCore(tab.env());
  if ((await core.get("pending_logout")) !== undefined) await core.unset("pending_logout");
  await core.set("active", user);
  core.close();
  tab.engine.kick("pageshow");
  return tab;
}

/** What the page does when a person signs out, also without a signal: users.ts. */
async function signOut(phone: Phone, tab: Tab): Promise<void> {
  const core = openCore(tab.env());
  await core.set("pending_logout", tab.engine.userId);
  await tab.engine.leave();
  tab.kill();
  if (!phone.offline) {
    phone.server.signedIn = false;
    for (const [token, of] of phone.server.tokens) if (of === tab.engine.userId) phone.server.tokens.delete(token);
    await core.unset("pending_logout");
  }
  core.close();
}

async function leave(phone: Phone, tab: Tab, how: Leaving): Promise<void> {
  if (how === "signs out") await signOut(phone, tab);
  else if (how === "leaves the tab behind") tab.engine.kick("visible");
  else if (how === "runs out of session") phone.server.signedIn = false;
  else if (how === "killed") tab.kill();
  else if (how === "wiped") phone.wipeDatabases();
}

function envelopes(body: string): Envelope[] {
  return (JSON.parse(body) as { ops: string[] }).ops.map((op) => JSON.parse(op) as Envelope);
}

/** Requests that carried somebody's records, from a moment on. */
function pushes(phone: Phone, from: number): { author: number; as: number | null }[] {
  return phone.server.log
    .slice(from)
    .filter(({ path }) => path === "/sync/push")
    .flatMap(({ body, as }) => envelopes(body).map(({ user }) => ({ author: user, as })));
}

async function sees(tab: Tab, secret: string): Promise<boolean> {
  const everything = [
    await tab.engine.list(),
    await tab.engine.drafts.list(),
    await tab.engine.attachmentsOf({ draft: "mine" }),
    await tab.engine.rescue(),
  ];
  return JSON.stringify(everything).includes(secret);
}

for (const how of LEAVINGS) {
  for (const signal of ["offline", "online"] as const) {
    for (const tabs of ["one tab", "two tabs"] as const) {
      test(`41 A ${how}, ${signal}, ${tabs}: B neither sees nor sends anything of A's`, async () => {
        const phone = new Phone();
        phone.server.issues = true;
        const first = await signIn(phone, A);
        await phone.settle();
        phone.offline = true;
        if (tabs === "two tabs") await phone.open(A);
        const secret = `A-${how}-${signal}`;
        await first.engine.photos.add("mine", photo(3000));
        const one = await first.engine.capture(expense({ draftKey: "mine", title: secret }, { note: secret }));
        const two = await first.engine.capture(expense({ title: secret }, { note: secret }));
        const half = { key: "half", kind: "k", title: secret, url: "/u", fields: {}, supersedes: null, problems: null };
        await first.engine.drafts.save(half);
        phone.offline = signal === "offline";
        await leave(phone, first, how);
        if (how !== "killed" && how !== "wiped" && how !== "signs out") await phone.run(1);
        phone.offline = false;

        const from = phone.server.log.length;
        const second = await signIn(phone, B);
        const mine = await second.engine.capture(expense({ title: "B" }, { note: "B" }));
        for (const tab of phone.tabs) tab.engine.kick("asked");
        await phone.run(2 * HOUR);
        found.cases++;
        const meanwhile = pushes(phone, from);
        const taken = phone.server.ledger;
        found.wrongAuthor += meanwhile.filter(({ author, as }) => author !== as).length;
        found.sentAway += meanwhile.filter(({ author }) => author === A).length;
        const leaks = Number(await sees(second, secret)) + Number(await sees(second, one.op));
        found.leaks += leaks;
        assert.equal((await second.engine.get(mine.op))?.state, "accepted");
        assert.equal(leaks, 0);
        assert.deepEqual(
          meanwhile.filter(({ author }) => author !== B),
          [],
        );

        // A is back: everything of A's has arrived, once, under A's name, with the photo; the draft is there.
        await signOut(phone, second);
        const back = await signIn(phone, A);
        await phone.run(2 * HOUR);
        for (const { op } of [one, two]) {
          const entry = taken.get(op);
          if (entry?.envelope.user !== A || entry.outcome !== "accepted") found.lost++;
          assert.equal(entry?.outcome, "accepted");
          assert.equal(phone.server.applied.filter((id) => id === op).length, 1);
        }
        assert.equal((await back.engine.attachmentsOf({ op: one.op }))[0]?.state, "stored");
        assert.equal((await back.engine.drafts.load("half"))?.title, secret);
        assert.equal(pushes(phone, 0).filter(({ author, as }) => author !== as).length, 0);
        for (const tab of phone.tabs.slice()) tab.kill();
      });
    }
  }
}

test("41 all 24 cases were played", () => {
  assert.equal(found.cases, 24);
});

test("43 after signing out without a signal nothing more is asked in this person's name, from no tab", async () => {
  const phone = new Phone();
  phone.server.issues = true;
  const tab = await signIn(phone, A);
  const second = await phone.open(A);
  await phone.settle();
  phone.offline = true;
  await tab.engine.capture(expense());
  await signOut(phone, tab);
  phone.offline = false;
  const from = phone.server.log.length;
  second.engine.kick("asked");
  await phone.run(HOUR);
  assert.equal(phone.server.log.length, from);
  assert.equal(second.engine.link(), "sign_in");
  const core = openCore(second.env());
  assert.equal(await signedOutOwner(second.env(), core), null);
  core.close();
});

test("41 the log-in page sends for the last person only if they did not sign out", async () => {
  const phone = new Phone();
  phone.server.issues = true;
  const tab = await signIn(phone, A);
  await phone.settle();
  const core = openCore(tab.env());
  phone.server.signedIn = false;
  assert.equal(await signedOutOwner(tab.env(), core), A);
  await signOut(phone, tab);
  const next = await phone.open(B);
  assert.equal(await signedOutOwner(next.env(), core), null);
  await core.set("active", B);
  assert.equal(await signedOutOwner(next.env(), core), null, "B never had a token here");
  core.close();
});
