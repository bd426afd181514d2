/**
 * What this phone sends its owner's records with once the session has run out. It lies in the owner's own database,
 * goes along only while nobody else is active here, and is forgotten when its owner signs out.
 */
import type { Context } from "./context.ts";
import type { Core } from "./core-db.ts";
import type { Surroundings } from "./types.ts";
import { getMeta, openUserDb, setMeta } from "./user-db.ts";

/**
 * Before every turn, since other tabs sign people in and out: why nothing may be sent in this person's name just now,
 * else the token is made ready.
 */
export async function silenced(ctx: Context): Promise<"wrong_user" | "sign_in" | null> {
  const active = await ctx.core.get("active");
  if (active !== undefined && active !== ctx.userId) return "wrong_user";
  if ((await ctx.core.get("pending_logout")) === ctx.userId) return "sign_in";
  ctx.token = (await ctx.db.run(["meta"], "readonly", (tx) => getMeta<string>(tx, "token"))) ?? null;
  return null;
}

/** Who may be sent for where nobody is signed in: the last person, if they did not sign out. */
export async function absentOwner(surroundings: Surroundings, core: Core): Promise<number | null> {
  const user = await core.get("active");
  if (user === undefined || (await core.get("pending_logout")) !== undefined) return null;
  const db = openUserDb(surroundings, user);
  try {
    const held = await db.run(["meta"], "readonly", (tx) => getMeta<string>(tx, "token"));
    return held === undefined ? null : user;
  } finally {
    db.close();
  }
}

export async function keepToken(ctx: Context, token: unknown): Promise<void> {
  if (typeof token !== "string" || token === "") return;
  await ctx.db.run(["meta"], "readwrite", (tx) => setMeta(tx, "token", token));
  ctx.token = token;
}

/** Its records stay; nothing of them is sent until the person signs in again. */
export async function forgetToken(ctx: Context): Promise<void> {
  ctx.token = null;
  await ctx.db.run(["meta"], "readwrite", (tx) => tx.objectStore("meta").delete("token"));
}
