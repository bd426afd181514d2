/** Small helpers over the DOM; every behaviour is found by a data attribute. */

export type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

export function all<T extends Element = HTMLElement>(root: ParentNode, selector: string): T[] {
  const found = [...root.querySelectorAll<T>(selector)];
  if (root instanceof Element && root.matches(selector)) found.unshift(root as unknown as T);
  return found;
}

export function one<T extends Element = HTMLElement>(root: ParentNode, selector: string): T | null {
  return root.querySelector<T>(selector);
}

export function isControl(element: unknown): element is Control {
  return (
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement
  );
}

/** The form's controls in document order, also those outside it that name it with `form=`. */
export function controlsOf(form: HTMLFormElement): Control[] {
  return [...form.elements].filter(isControl);
}

/** Ids of the elements that explain a field: `lines.0.qty` is explained by `#err-lines-0-qty`. */
export function errorId(name: string): string {
  return `err-${name.replace(/\[\]$/, "").replaceAll(".", "-")}`;
}

/** The one root element of a template's content. */
export function cloneTemplate(template: HTMLTemplateElement): HTMLElement | null {
  const root = template.content.firstElementChild;
  return root ? (document.importNode(root, true) as HTMLElement) : null;
}

/** Opens the closed `<details>` around an element: what is in them can be neither seen nor focused. */
export function reveal(element: Element): void {
  for (let at = element.closest("details"); at; at = at.parentElement?.closest("details") ?? null) at.open = true;
}

export function hide(element: Element | null, hidden: boolean): void {
  if (element instanceof HTMLElement) element.hidden = hidden;
}
