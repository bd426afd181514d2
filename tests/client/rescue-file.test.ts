import assert from "node:assert/strict";
import test from "node:test";
import { rescueFromMirror } from "../../static/src/engine/rescue.ts";
import { tools } from "../../static/src/engine/rescue-tools.ts";
import type { RescueEntry } from "../../static/src/engine/types.ts";
import { sha } from "./fake-server.ts";
import { expense, HOUR, Phone, photo, type Tab } from "./harness.ts";

interface Manifest {
  v: number;
  user: number;
  instance: string;
  dev: string;
  made: string;
  ops: { file: string; op: string; sha256: string; ref: string; title: string }[];
  atts: { file: string | null; id: string; op: string | null; draft: string | null; sha256: string; size: number }[];
  drafts: { title: string; fields: object; updated: string }[];
}

const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);

function opened(entries: RescueEntry[]): { manifest: Manifest; files: Map<string, Uint8Array> } {
  const files = new Map(entries.map((entry) => [entry.name, entry.bytes]));
  return { manifest: JSON.parse(text(files.get("manifest.json"))) as Manifest, files };
}

function fromMirror(phone: Phone, user = 17): Promise<RescueEntry[]> {
  const about = { user, instance: "test-instance", build: "b1", now: phone.now };
  return rescueFromMirror(
    phone.caches.view(() => true),
    about,
    tools,
  );
}

/** Two records, one with a photo, and a half-filled form. */
async function filled(phone: Phone): Promise<{ tab: Tab; ops: string[] }> {
  phone.offline = true;
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo(900));
  const ops = [(await tab.engine.capture(expense({ draftKey: "d" }))).op, (await tab.engine.capture(expense())).op];
  const fields = { note: "half" };
  const problems = null;
  await tab.engine.drafts.save({ key: "e", kind: "x.y", title: "Half", url: "/x", fields, supersedes: null, problems });
  return { tab, ops };
}

async function check(entries: RescueEntry[], tab: Tab, ops: string[]): Promise<void> {
  const { manifest, files } = opened(entries);
  assert.deepEqual([manifest.v, manifest.user, manifest.instance], [1, 17, "test-instance"]);
  assert.match(manifest.made, /^2026-11-22T.*Z$/);
  assert.deepEqual(
    manifest.ops.map((op) => op.op),
    ops,
  );
  for (const said of manifest.ops) {
    const row = await tab.engine.get(said.op);
    assert.equal(text(files.get(said.file)), row?.body);
    assert.deepEqual([said.sha256, said.ref, said.title], [row?.sha256, row?.ref, row?.title]);
    assert.equal(sha(files.get(said.file) ?? ""), said.sha256);
    assert.equal(JSON.parse(row?.body ?? "{}").dev, manifest.dev);
  }
  const [shot] = manifest.atts;
  assert.deepEqual([manifest.atts.length, shot?.op, shot?.draft, shot?.size], [1, ops[0], null, 900]);
  assert.equal(sha(files.get(shot?.file ?? "") ?? ""), shot?.sha256);
  assert.deepEqual(
    manifest.drafts.map((draft) => [draft.title, draft.fields]),
    [["Half", { note: "half" }]],
  );
}

test("72 the rescue file says by itself whose it is and from when, drafts included", async () => {
  const phone = new Phone();
  const { tab, ops } = await filled(phone);
  await check(await tab.engine.rescue(), tab, ops);
});

test("72 31 the mirror alone gives the same file when the database cannot be opened", async () => {
  const phone = new Phone();
  const { tab, ops } = await filled(phone);
  await check(await fromMirror(phone), tab, ops);
  assert.deepEqual(await fromMirror(phone, 18), []);
});

test("72 31 the database wiped: the reopened outbox gives the same file", async () => {
  const phone = new Phone();
  const { ops } = await filled(phone);
  phone.wipeDatabases();
  const tab = await phone.open();
  await check(await tab.engine.rescue(), tab, ops);
});

test("72 39 a session that ended, a server that fails: the file is made all the same and nothing changes", async () => {
  for (const broken of ["signed out", "failing", "another person"]) {
    const phone = new Phone();
    const { tab, ops } = await filled(phone);
    phone.offline = false;
    if (broken === "signed out") phone.server.signedIn = false;
    if (broken === "failing") phone.fault = () => new Response("bad gateway", { status: 502 });
    if (broken === "another person") phone.server.user = 18;
    tab.engine.kick("online");
    await phone.run(HOUR);
    await check(await tab.engine.rescue(), tab, ops);
    assert.equal((await tab.engine.counts()).unsent, 2);
  }
});

test("72 a received record is not in it, its photo that is still on the way is", async () => {
  const phone = new Phone();
  phone.fault = (asked) => (asked.path.startsWith("/sync/attachments") ? "cut" : "pass");
  const tab = await phone.open();
  await tab.engine.photos.add("d", photo(900));
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  const { manifest, files } = opened(await tab.engine.rescue());
  assert.deepEqual([manifest.ops.length, manifest.atts.length, manifest.atts[0]?.op], [0, 1, op]);
  assert.equal(files.get(manifest.atts[0]?.file ?? "")?.length, 900);
});

test("72 52 what its author replaced is not in it", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  const { op } = await tab.engine.capture(expense({ data: { amount: "0" } }));
  await phone.run(HOUR);
  phone.offline = true;
  const draft = await tab.engine.reopen(op);
  const next = await tab.engine.capture(expense({ draftKey: draft.key, supersedes: op }));
  for (const entries of [await tab.engine.rescue(), await fromMirror(phone)]) {
    assert.deepEqual(
      opened(entries).manifest.ops.map((one) => one.op),
      [next.op],
    );
  }
});

test("72 a photo whose bytes are gone is named, and a damaged record comes along to be named by the desk", async () => {
  const phone = new Phone();
  const { tab } = await filled(phone);
  const mirror = phone.caches.stores.get("outbox-17") ?? new Map();
  for (const path of [...mirror.keys()]) if (path.includes("/att/")) mirror.delete(path);
  const { manifest } = opened(await tab.engine.rescue());
  assert.deepEqual(
    manifest.atts.map((att) => att.file),
    [null],
  );
  for (const [path, entry] of mirror) if (path.includes("/op/")) entry.bytes = new TextEncoder().encode("{");
  const damaged = opened(await fromMirror(phone));
  assert.equal(damaged.manifest.ops.length, 2);
  for (const said of damaged.manifest.ops) assert.notEqual(sha(damaged.files.get(said.file) ?? ""), said.sha256);
});

test("72 nothing unsent: no file", async () => {
  const phone = new Phone();
  const tab = await phone.open();
  await tab.engine.capture(expense());
  await phone.run(HOUR);
  assert.deepEqual(await tab.engine.rescue(), []);
  assert.deepEqual(await fromMirror(phone), []);
});
