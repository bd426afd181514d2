/**
 * What an answer means, as a pure function. Success is only a receipt that names our record and its bytes; a status
 * code, a login page, a portal or a proxy is never one.
 */
import type { Json, JsonObject, OpResult, Outcome } from "./types.ts";

export interface Reply {
  status: number;
  redirected: boolean;
  contentType: string;
  /** The X-Fieldapp header. */
  instance: string | null;
  retryAfter: string | null;
  text: string;
}

export type Verdict =
  | { is: "json"; body: JsonObject }
  /** No answer, or one that says nothing: keep everything, try again. */
  | { is: "unreachable" }
  /** Somebody else answered: a portal, a proxy, another server. */
  | { is: "foreign" }
  | { is: "sign_in" }
  | { is: "wait"; ms: number | null }
  | { is: "too_large" }
  | { is: "server_error"; status: number }
  /** Our server, with a status the caller may know what to do with. */
  | { is: "status"; status: number };

const OUTCOMES: ReadonlySet<string> = new Set<Outcome>([
  "accepted",
  "held",
  "conflict",
  "rejected",
  "wrong_user",
  "busy",
  "unsupported_schema",
  "id_reused",
]);

/** A portal that says "come back in ten years" is not obeyed. */
const LONGEST_WAIT_MS = 3_600_000;

export function judge(reply: Reply | null, instance: string, now: number): Verdict {
  if (reply === null) return { is: "unreachable" };
  const { status } = reply;
  if (status === 429 || status === 503) return { is: "wait", ms: waitOf(reply.retryAfter, now) };
  if (!isOurs(reply, instance))
    return status >= 500 && status !== 511 ? { is: "server_error", status } : { is: "foreign" };
  if (status >= 500) return { is: "server_error", status };
  if (status === 413) return { is: "too_large" };
  const isJson = /^application\/json\s*(;|$)/i.test(reply.contentType.trim());
  if (status === 401 || status === 403) return isJson ? { is: "sign_in" } : { is: "foreign" };
  if (status === 200 && isJson) {
    const body = parseObject(reply.text);
    return body ? { is: "json", body } : { is: "unreachable" };
  }
  return { is: "status", status };
}

/** For answers without a body (uploads): only who answered is judged, the status goes to the caller. */
export function judgeBare(reply: Reply | null, instance: string, now: number): Verdict {
  if (reply && reply.status >= 200 && reply.status < 300) {
    return isOurs(reply, instance) ? { is: "status", status: reply.status } : { is: "foreign" };
  }
  return judge(reply, instance, now);
}

function isOurs(reply: Reply, instance: string): boolean {
  return !reply.redirected && reply.instance !== null && reply.instance !== "" && reply.instance === instance;
}

function waitOf(header: string | null, now: number): number | null {
  if (header === null || header.trim() === "") return null;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_WAIT_MS) : null;
}

function parseObject(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The receipts of a push answer, for the records we asked about and no others. */
export function receipts(body: JsonObject, asked: readonly { op: string; sha256: string }[]): Map<string, OpResult> {
  const wanted = new Map(asked.map((op) => [op.op, op.sha256]));
  const named = new Map<string, OpResult>();
  const contradicted = new Set<string>();
  for (const item of Array.isArray(body.results) ? body.results : []) {
    const result = toResult(item);
    if (!result || wanted.get(result.op) !== result.sha256) continue;
    const other = named.get(result.op);
    if (other && other.outcome !== result.outcome) contradicted.add(result.op);
    named.set(result.op, result);
  }
  for (const op of contradicted) named.delete(op);
  return named;
}

function toResult(item: Json): OpResult | null {
  if (!isObject(item)) return null;
  const { op, sha256, outcome, replayed, ref, ver, problems, current, needs, code } = item;
  if (typeof op !== "string" || typeof sha256 !== "string") return null;
  if (typeof outcome !== "string" || !OUTCOMES.has(outcome)) return null;
  return {
    op,
    sha256,
    outcome: outcome as Outcome,
    replayed: replayed === true,
    ref: typeof ref === "string" ? ref : null,
    ver: typeof ver === "number" ? ver : null,
    problems: isObject(problems) ? toProblems(problems) : {},
    current: isObject(current) ? current : null,
    needs: Array.isArray(needs) ? needs.filter((need) => typeof need === "string") : [],
    code: typeof code === "string" ? code : null,
  };
}

function toProblems(value: JsonObject): { [field: string]: string[] } {
  const problems: { [field: string]: string[] } = {};
  for (const [field, said] of Object.entries(value)) {
    problems[field] = Array.isArray(said) ? said.map(String) : [String(said)];
  }
  return problems;
}
