/** Behaviour of the account pages: show passwords, read the code of a link, copy a link. */
import { all, one } from "./dom.ts";

/** Show the passwords of the form while its checkbox is ticked. */
function setUpPasswordToggle(box: HTMLElement): void {
  const form = box.closest("form");
  const tick = one<HTMLInputElement>(box, "input");
  if (!form || !tick) return;
  const fields = all<HTMLInputElement>(form, "input[type=password]");
  box.hidden = false;
  const apply = () => {
    for (const field of fields) field.type = tick.checked ? "text" : "password";
  };
  tick.addEventListener("change", apply);
  // Submit them as passwords, so that browsers offer to store them.
  form.addEventListener("submit", () => {
    tick.checked = false;
    apply();
  });
}

/** Move the code of a link from the hash, which is never sent to the server, into the form. */
function readLinkCode(block: HTMLElement): void {
  const field = one<HTMLInputElement>(block, "input");
  const code = location.hash.slice(1) || history.state?.code;
  if (!field) return;
  // The server returned the form with a valid code because it refused the password.
  if (field.value) {
    block.hidden = true;
    return;
  }
  if (typeof code !== "string" || code === "") return;
  field.value = code;
  block.hidden = true;
  history.replaceState({ code }, "", location.pathname);
}

/** Prefix a relative link with this browser's origin. */
function completeLink(field: HTMLInputElement): void {
  field.value = location.origin + field.value;
  field.removeAttribute("aria-describedby");
  document.querySelector("#hint-link")?.remove();
}

function setUpCopyButton(button: HTMLElement): void {
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
  for (const box of all(document, "[data-show-password]")) setUpPasswordToggle(box);
  for (const block of all(document, "[data-link-code]")) readLinkCode(block);
  for (const field of all<HTMLInputElement>(document, "input[data-own-address]")) completeLink(field);
  for (const button of all(document, "[data-copy]")) setUpCopyButton(button);
}
