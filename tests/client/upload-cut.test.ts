import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { sha } from "./fake-server.ts";
import { expense, HOUR, MINUTE, Phone, photo } from "./harness.ts";

async function withPhoto(size: number) {
  const phone = new Phone();
  const tab = await phone.open();
  const file = photo(size);
  const { id } = await tab.engine.photos.add("d", file);
  return { phone, tab, id, file };
}

test("62 an upload cut anywhere goes on where it stopped and arrives whole", async () => {
  const faults = fc.array(fc.constantFrom("cut", "lost", "pass", "pass"), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(faults, fc.integer({ min: 1, max: 1_500_000 }), async (list, size) => {
      const { phone, tab, id, file } = await withPhoto(size);
      const rest = [...list];
      phone.fault = (asked) => (asked.path.startsWith("/sync/att") ? rest.shift() : "pass");
      await tab.engine.capture(expense({ draftKey: "d" }));
      await phone.run(HOUR);
      const upload = phone.server.uploads.get(id);
      assert.equal(upload?.stored, true);
      assert.equal(sha(upload.bytes), sha(file.bytes));
    }),
    { numRuns: 25 },
  );
});

test("62 pieces are at most 512 KiB and one cut costs one piece", async () => {
  const { phone, tab } = await withPhoto(2_000_000);
  let sent = 0;
  let cuts = 1;
  phone.fault = (asked) => {
    if (asked.method !== "PATCH") return "pass";
    const part = asked.body as Uint8Array;
    assert.ok(part.length <= 512 << 10);
    assert.equal(part.buffer.byteLength, part.length);
    sent += part.length;
    return sent > 600_000 && cuts-- > 0 ? "cut" : "pass";
  };
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  assert.ok(sent <= 2_000_000 + (512 << 10));
  assert.equal((await tab.engine.counts()).photos, 0);
});

test("17 62 a slow network gets smaller pieces until one fits into the time", async () => {
  const { phone, tab } = await withPhoto(300_000);
  phone.fault = (asked) => (asked.method === "PATCH" && (asked.body as Uint8Array).length > 70_000 ? "hang" : "pass");
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  assert.equal((await tab.engine.counts()).photos, 0);
});

test("62 killed between pieces, the next start asks for the offset", async () => {
  const { phone, tab, id } = await withPhoto(1_200_000);
  phone.killAt = "upload:piece";
  await Promise.race([tab.engine.capture(expense({ draftKey: "d" })).then(() => phone.settle()), tab.dead]);
  await phone.open();
  await phone.run(HOUR);
  assert.equal(phone.server.uploads.get(id)?.stored, true);
  assert.ok(phone.server.log.some((entry) => entry.method === "HEAD"));
});

test("62 an upload the server forgot (404) starts over, a locked one (423) waits, a bad checksum (460) is resent", async () => {
  const { phone, tab, id } = await withPhoto(700_000);
  const odd = [404, 423, 460, 409];
  phone.fault = (asked) => {
    if (asked.method !== "PATCH" || odd.length === 0) return "pass";
    const status = odd.shift() ?? 500;
    if (status === 404) phone.server.uploads.delete(id);
    return new Response(null, { status, headers: { "X-Fieldapp": phone.server.instance } });
  };
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  assert.equal(phone.server.uploads.get(id)?.stored, true);
});

test("14 62 a portal's 200 or 204 is never a stored photo, and bytes go nowhere but to the upload folder", async () => {
  const { phone, tab, id } = await withPhoto(1000);
  await phone.settle();
  const headers = { Location: "/sync/attachments/x", "Upload-Offset": "1000", "X-Attachment-State": "stored" };
  const bogus = [
    new Response("<html>", { status: 200, headers }),
    new Response(null, { status: 204, headers }),
    new Response("", { status: 201, headers: { ...headers, "X-Fieldapp": "test-instance", Location: "/logout" } }),
    new Response("", { status: 201, headers: { "X-Fieldapp": "test-instance", Location: "/sync/attachments/x" } }),
  ];
  const paths = new Set<string>();
  phone.fault = (asked) => {
    if (!asked.path.startsWith("/sync/att")) paths.add(asked.path);
    return asked.path.startsWith("/sync/att") ? bogus.shift() : "pass";
  };
  const { op } = await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.settle();
  assert.notEqual((await tab.engine.attachmentsOf({ op }))[0]?.state, "stored");
  await phone.run(HOUR);
  assert.equal(phone.server.uploads.get(id)?.stored, true);
  assert.deepEqual([...paths].sort(), ["/sync/push"]);
});

test("62 all bytes there but the hash disagreed: sent again from the start, never called stored", async () => {
  const { phone, tab, id } = await withPhoto(1000);
  let spoiled = false;
  phone.fault = (asked) => {
    const upload = phone.server.uploads.get(id);
    if (asked.method === "PATCH" && upload && !spoiled) {
      spoiled = true;
      upload.bytes = Buffer.alloc(0);
      return phone.server.handle({ ...asked, headers: new Headers({ "Upload-Offset": "7" }) });
    }
    return "pass";
  };
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(10 * MINUTE);
  assert.equal(phone.server.uploads.get(id)?.stored, true);
});

test("a photo the server cannot show is not sent for ever, and its owner sees it", async () => {
  const { phone, tab, id } = await withPhoto(10_000);
  phone.server.showsNoPictures = true;
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(HOUR);
  assert.equal((await tab.engine.counts()).photos, 0);
  const [op] = await tab.engine.list();
  const [kept] = await tab.engine.attachmentsOf({ op: op?.op ?? "" });
  assert.equal(kept?.id, id);
  assert.equal(kept?.state, "refused");
});

/** A line that carries so many bytes a second; what would take longer than the phone waits, never ends. */
function slowLine(phone: Phone, bytesPerSecond: number) {
  const seen = { given_up: 0, sent: 0, longest: 0, sizes: [] as number[] };
  phone.fault = (asked) => {
    if (asked.method !== "PATCH") return "pass";
    const size = (asked.body as Uint8Array).length;
    seen.sent += size;
    seen.sizes.push(size);
    const ms = (1000 * size) / bytesPerSecond;
    if (ms >= 30_000) {
      seen.given_up++;
      return "hang";
    }
    phone.now += ms;
    seen.longest = Math.max(seen.longest, ms);
    return "pass";
  };
  return seen;
}

for (const [name, rate, most] of [
  ["3 KB/s", 3_000, 1],
  ["20 KB/s", 20_000, 0],
  ["2 MB/s", 2_000_000, 0],
] as const) {
  test(`17 62 pieces fit a line of ${name}: each ends well before it is given up`, async () => {
    const { phone, tab, file } = await withPhoto(1_500_000);
    const seen = slowLine(phone, rate);
    await tab.engine.capture(expense({ draftKey: "d" }));
    await phone.run(HOUR);
    assert.equal((await tab.engine.counts()).photos, 0);
    assert.ok(seen.given_up <= most, `given up ${seen.given_up} times`);
    assert.ok(seen.sent <= file.bytes.length + (128 << 10), `sent ${seen.sent}`);
    assert.ok(seen.longest < 25_000, `longest ${seen.longest}`);
    if (rate === 2_000_000) assert.ok(seen.sizes.length <= 6, `${seen.sizes.length} pieces`);
  });
}

test("17 a photo on a slow line does not hold up a record that was made meanwhile", async () => {
  const { phone, tab, id } = await withPhoto(1_500_000);
  await tab.engine.capture(expense({ draftKey: "d" }));
  let second: Promise<unknown> | null = null;
  phone.fault = (asked) => {
    if (asked.method === "PATCH") second ??= tab.engine.capture(expense());
    return "pass";
  };
  await phone.settle();
  await second;
  await phone.run(MINUTE);
  const order = phone.server.log.map((entry) => (entry.path.startsWith("/sync/att") ? entry.method : entry.path));
  const pushed = order.lastIndexOf("/sync/push");
  assert.ok(order.slice(0, pushed).filter((one) => one === "PATCH").length < order.filter((o) => o === "PATCH").length);
  assert.equal(phone.server.applied.length, 2);
  assert.equal(phone.server.uploads.get(id)?.stored, true);
});

test("62 the way goes on from piece to piece without asking for the offset each time", async () => {
  const { phone, tab } = await withPhoto(2_000_000);
  await tab.engine.capture(expense({ draftKey: "d" }));
  await phone.run(MINUTE);
  assert.equal((await tab.engine.counts()).photos, 0);
  assert.equal(phone.server.log.filter((entry) => entry.method === "HEAD").length, 0);
});
