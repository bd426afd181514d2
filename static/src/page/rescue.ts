import { strToU8, zipSync } from "fflate";
import type { RescueEntry } from "../engine/types.ts";

/** Download the entries as one zip file that the office can import. */
export function download(files: RescueEntry[], readme: string, title: string): void {
  const entries: { [name: string]: Uint8Array } = { "README.txt": strToU8(readme) };
  for (const { name, bytes } of files) entries[name] = bytes;
  // No compression: photos do not shrink and phones are slow.
  const zip = zipSync(entries, { level: 0 });
  const newest = /([\w-]+?)-[\da-f]{8}-/.exec(files.filter(({ name }) => name.startsWith("ops/")).at(-1)?.name ?? "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([zip as BlobPart], { type: "application/zip" }));
  link.download = `${title}-${newest?.[1] ?? "records"}-${new Date().toISOString().slice(0, 10)}.zip`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
