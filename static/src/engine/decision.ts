/** Decisions that the server answered with `case.changed` or found taken by somebody else. */
import type { Op } from "./types.ts";

/** Where a decision about an earlier round is to be made anew, as the server said (`case.changed`). */
export function decisionOf(op: Pick<Op, "state" | "result">): { url: string; draft: string } | null {
  const card = op.state === "conflict" ? op.result?.current?.decision : null;
  return card && typeof card === "object" && "draft" in card ? (card as { url: string; draft: string }) : null;
}

/** What was seen belongs to the round that is over: the page that opens says what is seen now. */
export function unseen(fields: Op["fields"]): Op["fields"] {
  const { _base, ...rest } = fields;
  return rest;
}

/** Somebody else decided meanwhile: there is nothing to decide any more. */
export function isTaken(op: Pick<Op, "state" | "result">): boolean {
  return op.state === "conflict" && op.result?.current?.taken === true;
}
