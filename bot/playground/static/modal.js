// The modal on top, and the sentences under its fields.

import { prepare, restore, uploaded, valuesIn } from "./fields.js";
import { $, comeBack, swap } from "./dom.js";

let shown = null; // {id, hash}
let leave = () => undefined; // gives the focus back
const filled = new Map(); // view id → what was typed there: it is there again when what lay upon it is closed

// page: {act(what)}
export function showModal(view, page) {
  const dialog = $("modal");
  if (shown) filled.set(shown.id, valuesIn(dialog));
  if (!view) {
    shown = null;
    if (dialog.open) {
      dialog.close();
      leave();
    }
    return;
  }
  if (view.html && (shown?.id !== view.id || shown?.hash !== view.hash)) {
    const isNew = shown?.id !== view.id;
    shown = { id: view.id, hash: view.hash };
    swap(dialog, view.html);
    restore(dialog, filled.get(view.id) ?? {});
    prepare(dialog);
    if (!dialog.open) {
      leave = comeBack();
      dialog.showModal();
    }
    const first = dialog.querySelector("[autofocus]") ?? dialog.querySelector(".body :is(input, textarea, select, summary, button)");
    if (isNew) first?.focus({ preventScroll: !first.autofocus }); // a form is read from its beginning
  }
  let first = null;
  for (const place of dialog.querySelectorAll("[data-input]")) {
    const text = view.errors[place.dataset.input] ?? "";
    const told = place.matches(".error") ? place : place.querySelector(".error");
    told.textContent = text;
    const field = place.querySelector("input, textarea, select, summary");
    if (field) {
      told.id ||= `error-${place.dataset.input}`;
      for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", told.id]]) {
        if (text) field.setAttribute(name, value);
        else field.removeAttribute(name);
      }
      if (text) first ??= field;
    }
  }
  if (first) dialog.querySelector("[type=submit]")?.removeAttribute("aria-busy"); // it was answered, whenever our request ends
  first?.focus();
}

export function listenToModal(page) {
  const dialog = $("modal");
  const close = () => page.act({ kind: "close", view_id: shown.id });
  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const pressed = dialog.querySelector("[type=submit]");
    if (pressed.hasAttribute("aria-busy")) return;
    pressed.setAttribute("aria-busy", "true");
    await uploaded();
    await page.act({ kind: "submit", view_id: shown.id, values: valuesIn(dialog) });
    pressed.removeAttribute("aria-busy");
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) close();
  });
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog) return;
    event.preventDefault();
    close();
  });
  dialog.addEventListener("close", () => shown && !dialog.open && close()); // a browser lets nobody keep a dialog open against Esc
}
