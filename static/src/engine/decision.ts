/** Approval decisions that met a changed case (`case.changed`) or another person's decision. */
import type { Op } from "./types.ts";

/** Return the form in which to decide again when the case has a new round (`case.changed`). */
export function repeatedDecision(op: Pick<Op, "state" | "result">): { url: string; draft: string } | null {
  const card = op.state === "conflict" ? op.result?.current?.decision : null;
  return card && typeof card === "object" && "draft" in card ? (card as { url: string; draft: string }) : null;
}

/** Remove the base: it belongs to the earlier round, and the page that opens sets its own. */
export function withoutBase(fields: Op["fields"]): Op["fields"] {
  const { _base, ...rest } = fields;
  return rest;
}

/** Return whether another person decided first, so that nothing is left to decide. */
export function isDecidedByOther(op: Pick<Op, "state" | "result">): boolean {
  return op.state === "conflict" && op.result?.current?.taken === true;
}
