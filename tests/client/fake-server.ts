/** A server that keeps the promises of the door: ledger by id and bytes, held dependents, uploads by offset. */
import { createHash } from "node:crypto";
import type { Envelope } from "../../static/src/engine/envelope.ts";
import type { Outcome } from "../../static/src/engine/types.ts";

interface Entry {
  envelope: Envelope;
  sha256: string;
  outcome: Outcome;
  problems: { [field: string]: string[] };
}

export interface Upload {
  op: string;
  size: number;
  sha256: string;
  bytes: Buffer;
  stored: boolean;
}

/** What a hello says, as far as this server listens. */
interface Introduction {
  dev: string;
  ep: string;
  user: number;
  next_seq: number;
  held: { [ep: string]: [number, number][] };
  dropped: { [ep: string]: number[] };
}

export interface Asked {
  method: string;
  path: string;
  headers: Headers;
  body: string | Uint8Array;
}

export function sha(data: string | Uint8Array, as: "hex" | "base64" = "hex"): string {
  return createHash("sha256").update(data).digest(as);
}

export class FakeServer {
  /** Takes photos in and finds that they are none. */
  showsNoPictures = false;
  readonly instance = "test-instance";
  epoch = "1";
  user = 17;
  signedIn = true;
  /** Kinds that are no own work: a token alone does not bring them. */
  decisions = new Set(["parts_request.approve"]);
  /** Whether phones are given tokens; who each token is of. */
  issues = false;
  renews = false;
  readonly tokens = new Map<string, number>();
  /** The last number each store was heard of, and the numbers that arrived: by `dev user ep`. */
  readonly heard = new Map<string, number>();
  readonly arrived = new Map<string, Set<number>>();
  readonly dropped = new Set<string>();
  /** The epoch whose copies are told to begin a new one. */
  leaveEpoch: string | null = null;
  limits = { batch_ops: 50, batch_bytes: 1 << 20, chunk: 512 << 10, attachment: 25 << 20 };
  ledger = new Map<string, Entry>();
  /** Ids in the order their effect happened. */
  applied: string[] = [];
  uploads = new Map<string, Upload>();
  wanted: string[] = [];
  /** Photos a phone said it has no longer; known only for records in effect. */
  lost = new Set<string>();
  skewMs = 0;
  /** Makes the server fail on a record by itself. */
  poisoned: (envelope: Envelope) => boolean = () => false;
  /** `as` is who the server took it for: the session's person, else the token's; null for neither. */
  log: { path: string; method: string; body: string; as: number | null }[] = [];

  constructor(readonly now: () => number) {}

  count(path: string, method = "POST"): number {
    return this.log.filter((entry) => entry.path === path && entry.method === method).length;
  }

  handle(asked: Asked): Response {
    const text = typeof asked.body === "string" ? asked.body : "";
    const token = asked.headers.get("Authorization")?.replace("Bearer ", "") ?? "";
    const as = this.signedIn ? this.user : (this.tokens.get(token) ?? null);
    this.log.push({ path: asked.path, method: asked.method, body: text, as });
    if (as === null) return this.json({ error: "sign_in" }, 401);
    if (asked.path === "/sync/hello") return this.#hello(JSON.parse(text) as Introduction, as, token);
    if (asked.path === "/sync/push") return this.#push(JSON.parse(text) as { ops: string[] }, as);
    if (asked.path === "/sync/receipts") {
      const { ops } = JSON.parse(text) as { ops: string[] };
      return this.json({ results: ops.filter((id) => this.ledger.has(id)).map((id) => this.#result(id, true)) });
    }
    if (asked.path.startsWith("/sync/attachments")) return this.#attachment(asked);
    return this.json({}, 404);
  }

  json(body: unknown, status = 200, more: Record<string, string> = {}): Response {
    const headers = { "Content-Type": "application/json", "X-Fieldapp": this.instance, ...more };
    return new Response(JSON.stringify(body), { status, headers });
  }

  /** As the real one: `platform/sync/devices.py` and `platform/sync/losses.py`. */
  #missing(said: Introduction, as: number): number[] {
    const key = `${said.dev} ${as}`;
    if (said.user !== as) return [];
    this.heard.set(`${key} ${said.ep}`, Math.max(said.next_seq, this.heard.get(`${key} ${said.ep}`) ?? 1));
    for (const [ep, seqs] of Object.entries(said.dropped)) {
      for (const seq of seqs) this.dropped.add(`${key} ${ep} ${seq}`);
    }
    const missing: number[] = [];
    for (const [store, next] of this.heard) {
      const ep = store.split(" ")[2] ?? "";
      if (!store.startsWith(key)) continue;
      for (let seq = 1; seq < next; seq++) {
        const held = said.held[ep]?.some(([first, last]) => first <= seq && seq <= last);
        const known = this.arrived.get(store)?.has(seq) || this.dropped.has(`${store} ${seq}`);
        if (!held && !known) missing.push(seq);
      }
    }
    return missing;
  }

  #issue(as: number, token: string): string | null {
    if (!this.issues || (this.tokens.get(token) === as && !this.renews)) return null;
    const fresh = `token-${this.tokens.size + 1}`;
    this.tokens.set(fresh, as);
    return fresh;
  }

  #hello(said: Introduction, as: number, token: string): Response {
    return this.json({
      instance: this.instance,
      epoch: this.epoch,
      user: as,
      signed_in: this.signedIn,
      token: said.user === as ? this.#issue(as, token) : null,
      server_time: new Date(this.now() + this.skewMs).toISOString(),
      limits: this.limits,
      schemas: {},
      leave_epoch: this.leaveEpoch === said.ep ? said.ep : null,
      missing_seqs: this.#missing(said, as),
      attachments_wanted: this.wanted,
    });
  }

  #push({ ops }: { ops: string[] }, as: number): Response {
    const size = ops.reduce((sum, body) => sum + body.length, 0);
    if (ops.length > this.limits.batch_ops || (size > this.limits.batch_bytes && ops.length > 1)) {
      return this.json({}, 413);
    }
    return this.json({ results: ops.map((body) => this.#take(body, as)) });
  }

  #take(body: string, as: number): object {
    const envelope = JSON.parse(body) as Envelope;
    const sha256 = sha(body);
    const bare = {
      op: envelope.op,
      sha256,
      replayed: false,
      ref: null,
      ver: null,
      problems: {},
      current: null,
      needs: [],
    };
    if (envelope.user !== as) return { ...bare, outcome: "wrong_user" };
    const known = this.ledger.get(envelope.op);
    if (known) return known.sha256 === sha256 ? this.#result(envelope.op, true) : { ...bare, outcome: "id_reused" };
    if (this.poisoned(envelope)) return { ...bare, outcome: "busy" };
    if (!this.signedIn && this.decisions.has(envelope.kind))
      return { ...bare, outcome: "busy", code: "session.needed" };
    const store = `${envelope.dev} ${as} ${envelope.ep}`;
    this.arrived.set(store, (this.arrived.get(store) ?? new Set()).add(envelope.seq));
    this.ledger.set(envelope.op, { envelope, sha256, outcome: "held", problems: {} });
    this.#decide(envelope.op);
    return this.#result(envelope.op, false);
  }

  #decide(id: string): void {
    const entry = this.ledger.get(id);
    if (entry?.outcome !== "held") return;
    if (this.#needs(entry.envelope).length > 0) return;
    const { data, kind } = entry.envelope;
    if (kind === "expense_item.capture" && !(Number(data.amount) > 0)) {
      entry.outcome = "rejected";
      entry.problems = { amount: ["missing"] };
    } else if (data.clash === "yes" || data.decision) entry.outcome = "conflict";
    else {
      entry.outcome = "accepted";
      this.applied.push(id);
      for (const other of this.ledger.keys()) this.#decide(other);
    }
  }

  /** A corrected record stands for the refused one. */
  #needs(envelope: Envelope): string[] {
    const replaced = new Set<string | null>();
    for (const entry of this.ledger.values()) {
      if (entry.outcome === "accepted") replaced.add(entry.envelope.supersedes);
    }
    return envelope.depends.filter((id) => this.ledger.get(id)?.outcome !== "accepted" && !replaced.has(id));
  }

  #result(id: string, replayed: boolean): object {
    const entry = this.ledger.get(id);
    if (!entry) return {};
    const { sha256, outcome, problems } = entry;
    const needs = outcome === "held" ? this.#needs(entry.envelope) : [];
    const { decision } = entry.envelope.data;
    const current = decision ? { decision } : null;
    return { op: id, sha256, outcome, replayed, ref: null, ver: 1, problems, current, needs };
  }

  #lost(id: string, upload: Upload | undefined, bare: (status: number, upload?: Upload) => Response): Response {
    const named = this.applied.some((op) => this.ledger.get(op)?.envelope.atts.some((att) => att.id === id));
    if (!named) return bare(404);
    if (!upload?.stored) this.lost.add(id);
    return bare(204, upload);
  }

  #attachment(asked: Asked): Response {
    const header = (name: string) => asked.headers.get(name) ?? "";
    const id = asked.path.split("/")[3];
    const bare = (status: number, upload?: Upload, more: Record<string, string> = {}) => {
      const word = this.showsNoPictures ? "refused" : "stored";
      const state: Record<string, string> = upload?.stored ? { "X-Attachment-State": word } : {};
      const offset: Record<string, string> = upload ? { "Upload-Offset": String(upload.bytes.length) } : {};
      return new Response(null, { status, headers: { "X-Fieldapp": this.instance, ...offset, ...state, ...more } });
    };
    if (!id) {
      const words = new Map(
        header("Upload-Metadata")
          .split(",")
          .map((pair) => pair.split(" "))
          .map(([key, value]) => [key, Buffer.from(value ?? "", "base64").toString("utf8")]),
      );
      const key = words.get("id") ?? "";
      const known = this.uploads.get(key);
      const size = Number(header("Upload-Length"));
      const { op, sha256 } = { op: words.get("op") ?? "", sha256: words.get("sha256") ?? "" };
      const upload = known ?? { op, size, sha256, bytes: Buffer.alloc(0), stored: false };
      this.uploads.set(key, upload);
      return bare(known ? 200 : 201, upload, { Location: `https://server.test/sync/attachments/${key}` });
    }
    const upload = this.uploads.get(id);
    if (asked.path.endsWith("/lost")) return this.#lost(id, upload, bare);
    if (!upload) return bare(404);
    if (asked.method === "HEAD") return bare(200, upload);
    if (Number(header("Upload-Offset")) !== upload.bytes.length) return bare(409, upload);
    const part = asked.body as Uint8Array;
    if (header("Upload-Checksum") !== `sha256 ${sha(part, "base64")}`) return bare(460, upload);
    upload.bytes = Buffer.concat([upload.bytes, part]);
    if (upload.bytes.length === upload.size) {
      upload.stored = sha(upload.bytes) === upload.sha256;
      if (!upload.stored) upload.bytes = Buffer.alloc(0);
    }
    return bare(204, upload);
  }
}
