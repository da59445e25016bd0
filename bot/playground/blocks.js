// Block Kit as DOM nodes. `act` is called with what a person used: {block_id, action_id, chosen}.

import { date, element, emoji, link, mrkdwn, person, textObject } from "./mrkdwn.js";

function confirmed(confirm, world, then) {
  if (!confirm) return then();
  const yes = element(
    "button",
    { class: `button ${confirm.style ?? "primary"}`, value: "yes" },
    confirm.confirm.text,
  );
  const dialog = element(
    "dialog",
    { class: "confirm", "aria-label": confirm.title.text },
    element("h2", {}, confirm.title.text),
    element("div", { class: "text" }, textObject(confirm.text, world)),
    element(
      "form",
      { method: "dialog", class: "row end" },
      element("button", { class: "button", value: "no" }, confirm.deny.text),
      yes,
    ),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "yes") then();
  });
  document.body.append(dialog);
  dialog.showModal();
  yes.focus();
  return undefined;
}

function choices(part) {
  const groups = part.option_groups ?? [{ options: part.options ?? [] }];
  return groups.flatMap((group) => {
    const options = group.options.map((option) => element("option", { value: option.value }, option.text.text));
    return group.label ? [element("optgroup", { label: group.label.text }, options)] : options;
  });
}

function menu(block, part, world, act) {
  const many = part.type.startsWith("multi_");
  const first = part.initial_option?.value ?? "";
  const node = element(
    "select",
    { "aria-label": part.placeholder?.text ?? part.action_id, multiple: many, "data-field": block.block_id },
    many ? null : element("option", { value: "", disabled: true }, part.placeholder?.text ?? "Choose"),
    choices(part),
  );
  node.value = first;
  for (const option of part.initial_options ?? []) {
    for (const shown of node.options) if (shown.value === option.value) shown.selected = true;
  }
  node.dataset.action = part.action_id;
  if (act) {
    node.addEventListener("change", () => {
      const chosen = many ? [...node.selectedOptions].map((option) => option.value) : node.value;
      confirmed(part.confirm, world, () => act({ block_id: block.block_id, action_id: part.action_id, chosen }));
    });
  }
  return node;
}

function overflow(block, part, world, act) {
  const list = element("div", { class: "menu", role: "menu" });
  const node = element("details", { class: "overflow" }, element("summary", { "aria-label": "More" }, "⋯"), list);
  for (const option of part.options) {
    const use = () => {
      node.open = false;
      const what = { block_id: block.block_id, action_id: part.action_id, chosen: option.value };
      confirmed(part.confirm, world, () => act(what));
    };
    list.append(element("button", { role: "menuitem", onclick: use }, option.text.text));
  }
  return node;
}

function button(block, part, world, act) {
  const use = (event) => {
    const pressed = event.currentTarget;
    confirmed(part.confirm, world, async () => {
      if (part.url) window.open(part.url, "_blank", "noopener");
      pressed.setAttribute("aria-busy", "true");
      await act({ block_id: block.block_id, action_id: part.action_id });
      pressed.removeAttribute("aria-busy");
    });
  };
  const label = part.accessibility_label ?? null;
  const look = `button ${part.style ?? ""}`.trim();
  return element("button", { class: look, type: "button", "aria-label": label, onclick: use }, textObject(part.text, world));
}

function options(block, part) {
  const kind = part.type === "checkboxes" ? "checkbox" : "radio";
  const begun = (part.initial_options ?? [part.initial_option]).filter(Boolean).map((option) => option.value);
  return element(
    "fieldset",
    { "data-field": block.block_id, "data-action": part.action_id, "data-many": kind === "checkbox" },
    part.options.map((option) =>
      element(
        "label",
        { class: "choice" },
        element("input", { type: kind, name: block.block_id, value: option.value, checked: begun.includes(option.value) }),
        option.text.text,
      ),
    ),
  );
}

function input(block, part) {
  const given = {
    "aria-label": block.label?.text ?? part.placeholder?.text ?? part.action_id,
    placeholder: part.placeholder?.text,
    maxlength: part.max_length,
    "data-field": block.block_id,
    "data-action": part.action_id,
    spellcheck: "false",
  };
  if (part.multiline) return element("textarea", { rows: 4, ...given }, part.initial_value ?? "");
  const kinds = { number_input: "number", datepicker: "date", timepicker: "time", url_text_input: "url" };
  const begun = part.initial_value ?? part.initial_date ?? part.initial_time ?? "";
  return element("input", { type: kinds[part.type] ?? "text", value: begun, autocomplete: "off", ...given });
}

function usable(block, part, world, act) {
  if (part.type === "button") return button(block, part, world, act);
  if (part.type === "overflow") return overflow(block, part, world, act);
  if (part.type === "image") return picture(part);
  if (part.type.endsWith("static_select")) return menu(block, part, world, act);
  if (part.type === "radio_buttons" || part.type === "checkboxes") return options(block, part);
  if (part.type === "users_select") {
    const people = Object.entries(world.people).filter(([, known]) => !known.is_bot && !known.is_deleted);
    const offered = people.map(([id, known]) => ({ value: id, text: { text: known.real_name } }));
    return menu(block, { ...part, options: offered, initial_option: { value: part.initial_user } }, world, act);
  }
  return input(block, part);
}

function picture(part) {
  const address = part.image_url ?? part.slack_file?.url ?? `/files/${part.slack_file?.id ?? ""}`;
  return element("img", { src: address, alt: part.alt_text, loading: "lazy" });
}

const STYLED = { bold: "strong", italic: "em", strike: "s", code: "code" };

function richInline(part, world) {
  let node;
  if (part.type === "text") node = document.createTextNode(part.text);
  else if (part.type === "link") node = link(part.url, part.text ?? part.url);
  else if (part.type === "emoji") node = document.createTextNode(emoji(part.name));
  else if (part.type === "user") node = person(part.user_id, world);
  else if (part.type === "channel") {
    node = element("span", { class: "mention" }, `#${world.channel_names[part.channel_id] ?? part.channel_id}`);
  } else if (part.type === "broadcast") node = element("span", { class: "mention loud" }, `@${part.range}`);
  else if (part.type === "date") node = element("time", {}, date(part.timestamp, part.format, world, part.fallback));
  else node = document.createTextNode(part.text ?? "");
  for (const [style, name] of Object.entries(STYLED)) if (part.style?.[style]) node = element(name, {}, node);
  return node;
}

function rich(part, world) {
  const inside = (part.elements ?? []).map((inner) =>
    inner.type.startsWith("rich_text_") ? element("li", {}, rich(inner, world)) : richInline(inner, world),
  );
  if (part.type === "rich_text_list") {
    return element(part.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(part.indent ?? 0, 4)}` }, inside);
  }
  const names = { rich_text_preformatted: "pre", rich_text_quote: "blockquote" };
  return element(names[part.type] ?? "div", { class: "rich" }, inside);
}

const RENDER = {
  header: (block) => element("h3", {}, block.text.text),
  divider: () => element("hr"),
  image: (block) => element("figure", {}, block.title ? element("figcaption", {}, block.title.text) : null, picture(block)),
  markdown: (block, world) => element("div", { class: "text" }, mrkdwn(block.text.replace(/\*\*/g, "*"), world)),
  rich_text: (block, world) => element("div", { class: "text" }, block.elements.map((part) => rich(part, world))),
  actions: (block, world, act) =>
    element("div", { class: "actions row" }, block.elements.map((part) => usable(block, part, world, act))),
  context: (block, world) =>
    element(
      "div",
      { class: "context" },
      block.elements.map((part) =>
        part.type === "image" ? picture(part) : element("span", {}, textObject(part, world)),
      ),
    ),
  section: (block, world, act) =>
    element(
      "div",
      { class: "section" },
      element(
        "div",
        { class: "grow" },
        block.text ? element("div", { class: "text" }, textObject(block.text, world)) : null,
        block.fields
          ? element("div", { class: "fields" }, block.fields.map((text) => element("div", {}, textObject(text, world))))
          : null,
      ),
      block.accessory ? usable(block, block.accessory, world, act) : null,
    ),
  input: (block, world, act) =>
    element(
      "div",
      { class: "input", "data-block": block.block_id },
      element("div", { class: "label" }, block.label.text, block.optional ? element("small", {}, " (optional)") : null),
      usable(block, block.element, world, block.dispatch_action ? act : null),
      block.hint ? element("small", { class: "hint" }, block.hint.text) : null,
      element("small", { class: "error", role: "alert" }),
    ),
};

export function renderBlocks(blocks, world, act) {
  return blocks.map((block) => {
    const make = RENDER[block.type];
    return make ? make(block, world, act) : element("div", { class: "context" }, `(${block.type} is not shown here)`);
  });
}

export function valuesIn(root) {
  const values = {};
  for (const node of root.querySelectorAll("[data-field]")) {
    const name = `${node.dataset.field}/${node.dataset.action}`;
    if (node.tagName === "FIELDSET") {
      const checked = [...node.querySelectorAll("input:checked")].map((field) => field.value);
      values[name] = "many" in node.dataset ? checked : (checked[0] ?? "");
    } else if (node.multiple) values[name] = [...node.selectedOptions].map((option) => option.value);
    else values[name] = node.value;
  }
  return values;
}
