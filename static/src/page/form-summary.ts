import { controlsOf } from "./dom.ts";

const textOf = (element: Element | null | undefined): string =>
  // Without the marks that stand behind a label.
  [...(element?.childNodes ?? [])]
    .filter((node) => node.nodeType === Node.TEXT_NODE)
    .map((node) => node.textContent ?? "")
    .join("")
    .trim();

/** What a form says, as its author sees it: labels and words, in the form's order. Lines are counted from 1. */
export function summaryOf(form: HTMLFormElement): [label: string, chosen: string][] {
  const lines: [string, string][] = [];
  for (const control of controlsOf(form)) {
    const { name } = control;
    const signature = control.closest("[data-signature]") !== null;
    if (!name || name.startsWith("_") || control.disabled || (control.type === "hidden" && !signature)) continue;
    const row = /\.(\d+)\./.exec(name);
    const addLine = (label: string, chosen: string) => {
      if (chosen.trim() !== "") lines.push([row ? `${Number(row[1]) + 1}. ${label}` : label, chosen.trim()]);
    };
    const group = textOf(control.closest("fieldset")?.querySelector("legend"));
    const label = control.labels?.[0];
    if (control instanceof HTMLSelectElement) {
      if (control.value !== "") addLine(textOf(label), control.selectedOptions[0]?.text ?? "");
    } else if (control.type === "radio" || control.type === "checkbox") {
      if (!(control as HTMLInputElement).checked) continue;
      const chosen = (label?.textContent ?? "").trim();
      if (control.type === "radio") addLine(group, chosen === "★" ? `${control.value} ★` : chosen);
      else addLine(chosen, "✓");
    } else if (signature) addLine(group, control.value === "" ? "" : "✓");
    else if (control.type !== "file")
      addLine(textOf(label), control.value.replace("T", control.type === "datetime-local" ? " " : "T"));
  }
  return lines.filter(([label]) => label !== "");
}
