import { tools } from "../engine/rescue-tools.ts";
import type { RescueEntry } from "../engine/types.ts";
import { one } from "./dom.ts";
import { toast } from "./flash.ts";
import { session } from "./session.ts";
import { text } from "./texts.ts";

export async function saveRescue(files: RescueEntry[]): Promise<void> {
  if (files.length === 0) toast(text("outbox.nothing_to_rescue"));
  else (await import("./rescue.ts")).download(files, text("rescue.readme"), text("rescue.title"));
}

/** Set up the rescue button without an outbox: on the offline shell, or when the database cannot be opened. */
export function rescueWithoutEngine(user: number): void {
  const { instance, build } = session;
  one(document, "[data-act=rescue]")?.addEventListener("click", () => {
    import("../engine/rescue.ts")
      .then((file) => file.rescueFromMirror(caches, { user, instance, build, now: Date.now() }, tools))
      .then(saveRescue)
      .catch(() => toast(text("outbox.not_now")));
  });
}
