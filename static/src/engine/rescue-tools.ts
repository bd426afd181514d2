/**
 * What the rescue file is made with. It is handed over instead of imported: a part loaded later that shares modules with
 * the page script would have the script cut into pieces, and every visit would pay for that with another kilobyte.
 */
import { utf8 } from "./bytes.ts";
import { draftFromMirror, openMirror } from "./mirror.ts";
import { attachmentFromMirror, owners, parse } from "./rebuild.ts";
import { openOps } from "./user-db.ts";

export const tools = { utf8, draftFromMirror, openMirror, attachmentFromMirror, owners, parse, openOps };
