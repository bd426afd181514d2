/** Functions for the lazily loaded `undo.ts`, passed as an argument: importing them would split the page script. */
import { toDraft } from "./drafts.ts";
import { isHeld, saveHoldIds } from "./hold.ts";
import { deleteOp } from "./retention.ts";
import { TooLate } from "./types.ts";
import { openOps } from "./user-db.ts";

export const undoTools = { toDraft, isHeld, saveHoldIds, deleteOp, openOps, TooLate };
export type UndoTools = typeof undoTools;
