/**
 * Functions for `rescue.ts`, passed as an argument instead of imported: a lazily loaded module that shares imports with
 * the page script makes esbuild split the script, which costs every first visit a kilobyte.
 */
import { utf8 } from "./bytes.ts";
import { draftFromMirror, openMirror } from "./mirror.ts";
import { attachmentFromMirror, attachmentOwners, parseEnvelope } from "./rebuild.ts";
import { openOps } from "./user-db.ts";

export const tools = {
  utf8,
  draftFromMirror,
  openMirror,
  attachmentFromMirror,
  attachmentOwners,
  parseEnvelope,
  openOps,
};
