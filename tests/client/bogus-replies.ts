/** The corpus of answers that are no receipts, for tests and for the fault instruments. */

export const HTML = { "Content-Type": "text/html" };
const JSON_TYPE = { "Content-Type": "application/json" };
const OURS = { ...JSON_TYPE, "X-Fieldapp": "test-instance" };

export interface Seen {
  op: string;
  sha256: string;
}

/** As a packed body looks to somebody who does not unpack it. */
const NOISE = Uint8Array.from({ length: 512 }, (_, i) => (i < 2 ? [0x1f, 0x8b][i] : (i * 131) % 256) ?? 0);

/** Of a hash that has letters in it; one of digits alone would be itself. */
const upper = (hash: string) => `${hash.slice(0, -1).toUpperCase()}Z`;
const receipt = (seen: Seen, more: object = {}) => ({ ...seen, outcome: "accepted", replayed: false, ...more });
const results = (...items: unknown[]) => JSON.stringify({ results: items });

/** Everything a field network, a proxy or a broken server may answer. None of it is a receipt. */
export const BOGUS: [string, (seen: Seen) => Response][] = [
  ["portal page with 200", () => new Response("<html>Welcome to the Wi-Fi", { headers: HTML })],
  [
    "portal page that copies our header",
    () => new Response("<html>", { headers: { ...HTML, "X-Fieldapp": "test-instance" } }),
  ],
  ["login page", () => new Response("<form action=/login>", { headers: { ...HTML, "X-Fieldapp": "test-instance" } })],
  ["empty 200", () => new Response("", { status: 200 })],
  ["empty 200 of ours", () => new Response("", { headers: OURS })],
  ["204", () => new Response(null, { status: 204 })],
  ["204 of ours", () => new Response(null, { status: 204, headers: OURS })],
  ["201 with a receipt", (seen) => new Response(results(receipt(seen)), { status: 201, headers: OURS })],
  ["206 with a receipt", (seen) => new Response(results(receipt(seen)), { status: 206, headers: OURS })],
  ["a receipt without our header", (seen) => new Response(results(receipt(seen)), { headers: JSON_TYPE })],
  [
    "a receipt of another server",
    (seen) => new Response(results(receipt(seen)), { headers: { ...OURS, "X-Fieldapp": "other" } }),
  ],
  [
    "a receipt as text",
    (seen) => new Response(results(receipt(seen)), { headers: { ...OURS, "Content-Type": "text/plain" } }),
  ],
  ["truncated JSON", (seen) => new Response(results(receipt(seen)).slice(0, -9), { headers: OURS })],
  ["JSON null", () => new Response("null", { headers: OURS })],
  ["JSON list", (seen) => new Response(JSON.stringify([receipt(seen)]), { headers: OURS })],
  ["{}", () => new Response("{}", { headers: OURS })],
  ["no results", () => new Response(results(), { headers: OURS })],
  ["results as object", (seen) => new Response(JSON.stringify({ results: receipt(seen) }), { headers: OURS })],
  ["another record's receipt", (seen) => new Response(results(receipt({ ...seen, op: "other" })), { headers: OURS })],
  [
    "other bytes' receipt",
    (seen) => new Response(results(receipt({ ...seen, sha256: "0".repeat(64) })), { headers: OURS }),
  ],
  ["receipt without bytes", (seen) => new Response(results({ op: seen.op, outcome: "accepted" }), { headers: OURS })],
  ["unknown outcome", (seen) => new Response(results(receipt(seen, { outcome: "ok" })), { headers: OURS })],
  ["outcome true", (seen) => new Response(results(receipt(seen, { outcome: true })), { headers: OURS })],
  [
    "two receipts that disagree",
    (seen) => new Response(results(receipt(seen), receipt(seen, { outcome: "rejected" })), { headers: OURS }),
  ],
  ["401 page", () => new Response("<html>", { status: 401, headers: HTML })],
  ["403 page of a firewall", () => new Response("<html>", { status: 403, headers: HTML })],
  ["404 page", () => new Response("<html>", { status: 404, headers: HTML })],
  ["404 of ours", () => new Response("{}", { status: 404, headers: OURS })],
  ["400 of ours with a receipt", (seen) => new Response(results(receipt(seen)), { status: 400, headers: OURS })],
  ["407 of a proxy", () => new Response("", { status: 407 })],
  ["511 portal", () => new Response("<html>", { status: 511, headers: HTML })],
  ["502 page", () => new Response("<html>", { status: 502, headers: HTML })],
  ["500 with a receipt", (seen) => new Response(results(receipt(seen)), { status: 500, headers: OURS })],
  [
    "redirected answer",
    (seen) =>
      Object.defineProperty(new Response(results(receipt(seen)), { headers: OURS }), "redirected", { value: true }),
  ],
  [
    "302 that nobody followed",
    () => new Response("", { status: 302, headers: { Location: "http://portal.invalid/" } }),
  ],
  [
    "302 to the login, with our header",
    () => new Response("", { status: 302, headers: { ...OURS, Location: "/login" } }),
  ],
  ["304", () => new Response(null, { status: 304, headers: OURS })],
  ["511 that copies our header", (seen) => new Response(results(receipt(seen)), { status: 511, headers: OURS })],
  ["202 of ours with a receipt", (seen) => new Response(results(receipt(seen)), { status: 202, headers: OURS })],
  ["HTML that says it is JSON", () => new Response("<html>Accepted</html>", { headers: OURS })],
  [
    "a receipt inside a page that says it is JSON",
    (seen) => new Response(`<pre>${results(receipt(seen))}</pre>`, { headers: OURS }),
  ],
  ["packed bytes that nobody unpacked", () => new Response(NOISE, { headers: { ...OURS, "X-Packed": "gzip" } })],
  [
    "JSON with NaN",
    (seen) => new Response(results(receipt(seen, { ver: 0 })).replace('"ver":0', '"ver":NaN'), { headers: OURS }),
  ],
  [
    "JSON with something behind it",
    (seen) => new Response(`${results(receipt(seen))}<!-- proxy -->`, { headers: OURS }),
  ],
  ["two answers in one", (seen) => new Response(results(receipt(seen)).repeat(2), { headers: OURS })],
  ["JSON in a string", (seen) => new Response(JSON.stringify(results(receipt(seen))), { headers: OURS })],
  ["a script around JSON", (seen) => new Response(`cb(${results(receipt(seen))})`, { headers: OURS })],
  ["UTF-16", (seen) => new Response(Buffer.from(results(receipt(seen)), "utf16le"), { headers: OURS })],
  ["a huge page", () => new Response("Wi-Fi ".repeat(200_000), { headers: OURS })],
  ["very deep JSON", () => new Response("[".repeat(200_000), { headers: OURS })],
  ["results null", () => new Response('{"results":null}', { headers: OURS })],
  ["results of null", () => new Response('{"results":[null,[],7,"accepted"]}', { headers: OURS })],
  ["receipts in a list too many", (seen) => new Response(results([receipt(seen)]), { headers: OURS })],
  ["a receipt elsewhere", (seen) => new Response(JSON.stringify({ result: [receipt(seen)] }), { headers: OURS })],
  ["a receipt in capitals", (seen) => new Response(results(receipt(seen, { outcome: "ACCEPTED" })), { headers: OURS })],
  [
    "an id in capitals",
    (seen) => new Response(results(receipt({ ...seen, op: seen.op.toUpperCase() })), { headers: OURS }),
  ],
  [
    "a hash in capitals",
    (seen) => new Response(results(receipt({ ...seen, sha256: upper(seen.sha256) })), { headers: OURS }),
  ],
  [
    "a hash cut short",
    (seen) => new Response(results(receipt({ ...seen, sha256: seen.sha256.slice(0, 32) })), { headers: OURS }),
  ],
  ["a hash null", (seen) => new Response(results({ ...receipt(seen), sha256: null }), { headers: OURS })],
  ["a list of ids", (seen) => new Response(results({ ...receipt(seen), op: [seen.op] }), { headers: OURS })],
  [
    "our header twice",
    (seen) =>
      new Response(results(receipt(seen)), { headers: { ...OURS, "X-Fieldapp": "test-instance, test-instance" } }),
  ],
  ["our header, empty", (seen) => new Response(results(receipt(seen)), { headers: { ...OURS, "X-Fieldapp": "" } })],
  [
    "the answer to another question",
    () => new Response(JSON.stringify({ instance: "test-instance", user: 17, limits: {} }), { headers: OURS }),
  ],
];
