/** What undo needs of the engine, handed over: imported there, the page script would fall into more files. */
import { shown } from "./drafts.ts";
import { isHeld, remember } from "./hold.ts";
import { deleteOp } from "./release.ts";
import { TooLate } from "./types.ts";
import { openOps } from "./user-db.ts";

export const undoTools = { shown, isHeld, remember, deleteOp, openOps, TooLate };
export type UndoTools = typeof undoTools;
