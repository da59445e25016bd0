// Buttons, menus and fields: what stands in them, and what is sent when somebody uses them.

import { bring } from "./attach.js";
import { comeBack, nodes, send } from "./dom.js";

const MENU = 300; // pixels: the most that a menu is high
const GAP = 8; // pixels around it

const valueOf = {
  text: (node) => node.value,
  one: (node) => node.querySelector("input:checked")?.value ?? "",
  many: (node) => [...node.querySelectorAll("input:checked")].map((each) => each.value),
  option: (node) => parsed(node.querySelector("input:checked")?.value),
  options: (node) => [...node.querySelectorAll("input:checked")].map((each) => parsed(each.value)),
  files: (node) => (node.dataset.files ? JSON.parse(node.dataset.files) : []),
};

function parsed(text) {
  return text ? JSON.parse(text) : null;
}

function chosenIn(use) {
  const node = use.querySelector("[data-value]");
  return node ? valueOf[node.dataset.value](node) : null;
}

export function valuesIn(place) {
  const values = {};
  for (const node of place.querySelectorAll("[data-value]")) {
    if ("untouched" in node.dataset && node.value === node.defaultValue) continue; // it keeps what it began with
    const { block, action } = node.closest(".use").dataset;
    values[`${block}/${action}`] = valueOf[node.dataset.value](node);
  }
  return values;
}

// What was typed before a view was updated stays in the fields that are still there, as in Slack.
export function restore(place, values) {
  for (const node of place.querySelectorAll("[data-value]")) {
    const { block, action } = node.closest(".use").dataset;
    const value = values[`${block}/${action}`];
    if (value === undefined) continue;
    if (node.dataset.value === "text") {
      if (node.tagName !== "SELECT" || [...node.options].some((each) => each.value === value)) node.value = value;
    } else if (node.dataset.value === "files") node.dataset.files = JSON.stringify(value);
    else if (["option", "options"].includes(node.dataset.value)) {
      const chosen = [value].flat().filter(Boolean).map((each) => choice(each, node.dataset.value === "options", action));
      node.replaceChildren(node.querySelector("legend"), ...chosen);
    } else if (["one", "many"].includes(node.dataset.value)) {
      for (const each of node.querySelectorAll("input")) each.checked = [value].flat().includes(each.value);
    }
  }
}

// An option that the app has offered before, as templates/elements.html has it.
function choice(option, isOneOfMany, name) {
  const [label, input, text] = ["label", "input", "span"].map((each) => document.createElement(each));
  label.className = "choice";
  Object.assign(input, { type: isOneOfMany ? "checkbox" : "radio", name, value: JSON.stringify(option), checked: true });
  text.textContent = option.text.text;
  label.append(input, text);
  return label;
}

// What the server cannot know: what stands on a closed menu.
export function prepare(place) {
  for (const menu of place.querySelectorAll("details.many")) label(menu);
}

function label(menu) {
  const chosen = [...menu.querySelectorAll("input:checked")].map((each) => each.parentElement.textContent.trim());
  const summary = menu.querySelector("summary");
  summary.textContent = chosen.join(", ") || summary.dataset.empty;
  summary.classList.toggle("empty", !chosen.length);
  const group = menu.querySelector("[data-most]");
  if (!group) return;
  const isFull = chosen.length >= Number(group.dataset.most);
  for (const each of group.querySelectorAll("input")) each.disabled = isFull && !each.checked;
}

// A menu opens where there is room for it: above what was pressed near the end, and never beside the page.
function fit(menu) {
  const popup = menu.querySelector(".popup");
  const room = menu.closest(".log, #home").getBoundingClientRect();
  const summary = menu.querySelector("summary").getBoundingClientRect();
  const [above, below] = [summary.top - room.top - GAP, room.bottom - summary.bottom - GAP];
  const wanted = menu.dataset.external ? MENU : Math.min(MENU, popup.scrollHeight + 2);
  const isAbove = below < wanted && above > below;
  popup.classList.toggle("above", isAbove);
  popup.style.maxHeight = `${Math.min(MENU, isAbove ? above : below)}px`;
  popup.style.translate = "";
  const { left, right } = popup.getBoundingClientRect();
  popup.style.translate = `${Math.max(room.left + GAP - left, 0) || Math.min(room.right - GAP - right, 0)}px`;
}

let uploads = Promise.resolve(); // files on their way

// Waits for the files that somebody has chosen: a form is not sent without them.
export function uploaded() {
  return uploads;
}

const kept = new WeakMap(); // what stands in a menu or field as the app knows it

// Asks first, where the app wants that. Who says no finds everything as it was before.
function confirmed(use, then) {
  const asked = use.querySelector(":scope > template.confirm");
  if (!asked) return then();
  const leave = comeBack();
  const dialog = document.createElement("dialog");
  dialog.className = "confirm";
  dialog.append(asked.content.cloneNode(true));
  dialog.setAttribute("aria-label", dialog.querySelector("h2").textContent);
  dialog.addEventListener("close", () => {
    dialog.remove();
    leave();
    if (dialog.returnValue === "yes") return then();
    restore(use, kept.get(use) ?? {});
    prepare(use);
    return undefined;
  });
  document.body.append(dialog);
  dialog.showModal();
  return undefined;
}

// page: {me(), act(what)}: whose page it is, and how something is done there.
export function listen(page) {
  const placeOf = (use) => use.closest("[data-view], article");
  const where = (place) => (place.dataset.view ? { view_id: place.dataset.view } : { ts: place.dataset.ts });

  async function act(use, chosen, pressed) {
    const place = placeOf(use);
    const { block, action } = use.dataset;
    pressed?.setAttribute("aria-busy", "true");
    const what = { kind: "click", ...where(place), block_id: block, action_id: action, chosen, values: valuesIn(place) };
    kept.set(use, valuesIn(use));
    await page.act(what);
    pressed?.removeAttribute("aria-busy");
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-press]");
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target) || pressed) menu.open = false;
    }
    if (!pressed) return;
    pressed.closest("details.menu")?.querySelector("summary").focus(); // what was pressed is hidden by now
    const use = pressed.closest(".use");
    if (pressed.hasAttribute("aria-busy")) return; // once is enough
    confirmed(use, () => {
      if (pressed.dataset.url) window.open(pressed.dataset.url, "_blank", "noopener,noreferrer");
      act(use, pressed.value || null, pressed);
    });
  });

  document.addEventListener("focusin", (event) => {
    const use = event.target.closest?.(".use");
    if (use && !kept.has(use)) kept.set(use, valuesIn(use));
  });

  document.addEventListener("change", async (event) => {
    const use = event.target.closest(".use");
    if (!use || event.target.type === "search") return;
    if (event.target.type === "file") await (uploads = Promise.allSettled([uploads, upload(event.target, page.me())]));
    const menu = event.target.closest("details.many");
    if (menu) {
      label(menu);
      menu.dataset.changed = "1";
      if (event.target.type === "radio") menu.open = false;
    } else if (use.dataset.dispatch && (event.target.matches("select, fieldset *") || isPicker(event.target))) {
      confirmed(use, () => act(use, chosenIn(use)));
    }
  });

  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (menu.open && menu.matches?.(".log details.menu, #home details.menu")) fit(menu);
      if (!menu.matches?.("details.many")) return;
      if (menu.open) {
        if (menu.dataset.external === "0") search(menu);
        menu.querySelector("input")?.focus();
      } else if (menu.dataset.changed) {
        delete menu.dataset.changed;
        const use = menu.closest(".use");
        if (use.dataset.dispatch) confirmed(use, () => act(use, chosenIn(use)));
      }
    },
    true,
  );

  let waiting = 0;
  document.addEventListener("input", (event) => {
    const menu = event.target.closest("details[data-external]");
    const use = event.target.closest(".use");
    if (menu && event.target.type === "search") {
      clearTimeout(waiting);
      if (event.target.value.length >= Number(menu.dataset.external)) waiting = setTimeout(() => search(menu), 120);
    } else if ("filter" in event.target.dataset) {
      const wanted = event.target.value.trim().toLowerCase();
      for (const each of event.target.closest("details").querySelectorAll(".choice")) {
        each.hidden = !each.textContent.toLowerCase().includes(wanted);
      }
    } else if (use?.dataset.dispatch?.includes("on_character_entered")) {
      clearTimeout(waiting);
      waiting = setTimeout(() => act(use, chosenIn(use)), 250);
    }
  });

  async function search(menu) {
    const use = menu.closest(".use");
    const { block, action } = use.dataset;
    const typed = menu.querySelector("input[type=search]");
    const query = typed.value;
    const asked = { user: page.me(), ...where(placeOf(use)), block_id: block, action_id: action, query };
    const { html } = await send("/page/options", asked);
    if (typed.value !== query) return; // what is sought by now is asked for, too, and may have come already
    const group = menu.querySelector("fieldset");
    const kept = [...group.querySelectorAll("input[type=checkbox]:checked")].map((each) => each.closest("label"));
    const named = (each) => JSON.stringify(parsed(each.querySelector?.("input")?.value)); // however it was written
    const known = new Set(kept.map(named));
    const found = nodes(html ?? "").filter((each) => !known.has(named(each)));
    group.replaceChildren(group.querySelector("legend"), ...kept, ...found);
  }

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (menu && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const all = [...menu.querySelectorAll(".popup button, .popup input")];
      const place = all.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
      all.at(place % all.length)?.focus();
    }
    const use = event.target.closest?.(".use");
    if (event.key !== "Enter" || !use || event.target.tagName !== "INPUT") return;
    if (menu) {
      event.preventDefault(); // neither a search nor a choice sends the form around it
      if (event.target.type !== "search") event.target.click();
    } else if (use.dataset.dispatch?.includes("on_enter_pressed")) {
      event.preventDefault();
      act(use, chosenIn(use));
    }
  });
}

function isPicker(node) {
  return ["date", "time", "datetime-local"].includes(node.type);
}

async function upload(node, user) {
  node.dataset.files = JSON.stringify(await bring(node.files, user));
}
