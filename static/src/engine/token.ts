/**
 * Device token: authenticates its owner's records when the session has expired. Stored in the owner's database, sent only
 * while no other person is active on this phone, deleted on sign-out.
 */
import type { Context } from "./context.ts";
import type { Core } from "./core-db.ts";
import type { Environment } from "./types.ts";
import { getMeta, openUserDb, setMeta } from "./user-db.ts";

/**
 * Load the token, or return why nothing may be sent for this person now. Called before every turn, as other tabs sign
 * people in and out.
 */
export async function authorizeTurn(ctx: Context): Promise<"wrong_user" | "sign_in" | null> {
  const active = await ctx.core.get("active");
  if (active !== undefined && active !== ctx.userId) return "wrong_user";
  if ((await ctx.core.get("pending_logout")) === ctx.userId) return "sign_in";
  ctx.token = (await ctx.db.run(["meta"], "readonly", (tx) => getMeta<string>(tx, "token"))) ?? null;
  return null;
}

/** Return whose records may be sent while nobody is signed in: the last user, unless they chose to sign out. */
export async function signedOutOwner(env: Environment, core: Core): Promise<number | null> {
  const user = await core.get("active");
  if (user === undefined || (await core.get("pending_logout")) !== undefined) return null;
  const db = openUserDb(env, user);
  try {
    const token = await db.run(["meta"], "readonly", (tx) => getMeta<string>(tx, "token"));
    return token === undefined ? null : user;
  } finally {
    db.close();
  }
}

export async function saveToken(ctx: Context, token: unknown): Promise<void> {
  if (typeof token !== "string" || token === "") return;
  await ctx.db.run(["meta"], "readwrite", (tx) => setMeta(tx, "token", token));
  ctx.token = token;
}

/** Delete the token. Records stay and are sent once the person signs in again. */
export async function forgetToken(ctx: Context): Promise<void> {
  ctx.token = null;
  await ctx.db.run(["meta"], "readwrite", (tx) => tx.objectStore("meta").delete("token"));
}
