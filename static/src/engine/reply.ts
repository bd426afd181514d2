/**
 * Classify HTTP responses, as pure functions. Only a receipt with the record's id and hash counts as success; a status
 * code, a login page, a captive portal or a proxy never does.
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

export type ReplyClass =
  | { is: "json"; body: JsonObject }
  /** No response, or a useless one: try again. */
  | { is: "unreachable" }
  /** A captive portal, a proxy or another server responded. */
  | { is: "foreign" }
  | { is: "sign_in" }
  | { is: "wait"; ms: number | null }
  | { is: "too_large" }
  | { is: "server_error"; status: number }
  /** Our server, with a status that the caller handles. */
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

/** Upper limit for Retry-After. */
const MAX_RETRY_AFTER_MS = 3_600_000;

export function classifyReply(reply: Reply | null, instance: string, now: number): ReplyClass {
  if (reply === null) return { is: "unreachable" };
  const { status } = reply;
  if (status === 429 || status === 503) return { is: "wait", ms: retryAfterMs(reply.retryAfter, now) };
  if (!isFromOurServer(reply, instance))
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

/** Classify a response without a body (upload): check who responded and pass the status on. */
export function classifyUploadReply(reply: Reply | null, instance: string, now: number): ReplyClass {
  if (reply && reply.status >= 200 && reply.status < 300) {
    return isFromOurServer(reply, instance) ? { is: "status", status: reply.status } : { is: "foreign" };
  }
  return classifyReply(reply, instance, now);
}

function isFromOurServer(reply: Reply, instance: string): boolean {
  return !reply.redirected && reply.instance !== null && reply.instance !== "" && reply.instance === instance;
}

function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null || header.trim() === "") return null;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : null;
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

/** Return the receipts of the sent records, by id; ignore other records, wrong hashes and contradictions. */
export function matchReceipts(
  body: JsonObject,
  sent: readonly { op: string; sha256: string }[],
): Map<string, OpResult> {
  const expectedHash = new Map(sent.map((op) => [op.op, op.sha256]));
  const byOp = new Map<string, OpResult>();
  const contradicted = new Set<string>();
  for (const item of Array.isArray(body.results) ? body.results : []) {
    const result = parseResult(item);
    if (!result || expectedHash.get(result.op) !== result.sha256) continue;
    const other = byOp.get(result.op);
    if (other && other.outcome !== result.outcome) contradicted.add(result.op);
    byOp.set(result.op, result);
  }
  for (const op of contradicted) byOp.delete(op);
  return byOp;
}

function parseResult(item: Json): OpResult | null {
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
    problems: isObject(problems) ? parseProblems(problems) : {},
    current: isObject(current) ? current : null,
    needs: Array.isArray(needs) ? needs.filter((need) => typeof need === "string") : [],
    code: typeof code === "string" ? code : null,
  };
}

function parseProblems(value: JsonObject): { [field: string]: string[] } {
  const problems: { [field: string]: string[] } = {};
  for (const [field, messages] of Object.entries(value)) {
    problems[field] = Array.isArray(messages) ? messages.map(String) : [String(messages)];
  }
  return problems;
}
