/** What the pages of accounts do with JavaScript: showing what is typed, the code of a link, copying. */
import { all, one } from "./dom.ts";

/** A box that shows the passwords of its form while it is ticked. */
function showTyped(box: HTMLElement): void {
  const form = box.closest("form");
  const tick = one<HTMLInputElement>(box, "input");
  if (!form || !tick) return;
  const fields = all<HTMLInputElement>(form, "input[type=password]");
  box.hidden = false;
  const apply = () => {
    for (const field of fields) field.type = tick.checked ? "text" : "password";
  };
  tick.addEventListener("change", apply);
  // As passwords on their way, so that browsers offer to keep them.
  form.addEventListener("submit", () => {
    tick.checked = false;
    apply();
  });
}

/** The secret of a link stands behind the `#` and is never sent with the address; here it moves into the form. */
function takeCode(block: HTMLElement): void {
  const field = one<HTMLInputElement>(block, "input");
  const code = location.hash.slice(1) || history.state?.code;
  if (!field) return;
  // A good code came back with the form, because the password was refused.
  if (field.value) {
    block.hidden = true;
    return;
  }
  if (typeof code !== "string" || code === "") return;
  field.value = code;
  block.hidden = true;
  history.replaceState({ code }, "", location.pathname);
}

/** A link that the server gave without its address gets the one in this browser's address bar. */
function completeLink(field: HTMLInputElement): void {
  field.value = location.origin + field.value;
  field.removeAttribute("aria-describedby");
  document.querySelector("#hint-link")?.remove();
}

function copyFrom(button: HTMLElement): void {
  const field = document.querySelector<HTMLInputElement>(`#${button.dataset.copy}`);
  if (!field || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    field.select();
    void navigator.clipboard.writeText(field.value).then(() => {
      const copied = document.querySelector<HTMLElement>(`#${field.id}-copied`);
      if (copied) copied.hidden = false;
    });
  });
}

export function enhanceAccounts(): void {
  for (const box of all(document, "[data-show-password]")) showTyped(box);
  for (const block of all(document, "[data-link-code]")) takeCode(block);
  for (const field of all<HTMLInputElement>(document, "input[data-own-address]")) completeLink(field);
  for (const button of all(document, "[data-copy]")) copyFrom(button);
}
