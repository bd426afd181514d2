/** DOM helpers. */

export type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

export function all<T extends Element = HTMLElement>(root: ParentNode, selector: string): T[] {
  const elements = [...root.querySelectorAll<T>(selector)];
  if (root instanceof Element && root.matches(selector)) elements.unshift(root as unknown as T);
  return elements;
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

/** Return the form's controls in document order, including those outside that refer to it with `form=`. */
export function controlsOf(form: HTMLFormElement): Control[] {
  return [...form.elements].filter(isControl);
}

/** Return the id of a field's message element: `err-lines-0-qty` for `lines.0.qty`. */
export function errorId(name: string): string {
  return `err-${name.replace(/\[\]$/, "").replaceAll(".", "-")}`;
}

/** Clone the template's root element. */
export function cloneTemplate(template: HTMLTemplateElement): HTMLElement | null {
  const root = template.content.firstElementChild;
  return root ? (document.importNode(root, true) as HTMLElement) : null;
}

/** Open all `<details>` around an element, so that it can be seen and focused. */
export function reveal(element: Element): void {
  for (let at = element.closest("details"); at; at = at.parentElement?.closest("details") ?? null) at.open = true;
}

export function hide(element: Element | null, hidden: boolean): void {
  if (element instanceof HTMLElement) element.hidden = hidden;
}
