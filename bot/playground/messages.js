// Messages as DOM nodes. `doings` is what a person can do with them: {act, openThread}.

import { renderBlocks, valuesIn } from "./blocks.js";
import { date, element, emoji, mrkdwn } from "./mrkdwn.js";

const COLOURS = ["#0b6e4f", "#8a4b08", "#5b3a8c", "#1d5f8a", "#9c2f4b", "#4d6b1f", "#7a3e2b", "#35586e"];

function avatar(user, world) {
  const known = world.people[user];
  const colour = COLOURS[[...user].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % COLOURS.length];
  return element("div", { class: "avatar", style: null, "data-colour": colour, "aria-hidden": "true" }, known.real_name[0]);
}

function fileNode(file) {
  const isPicture = ["image/png", "image/jpeg", "image/gif", "image/webp"].includes(file.mimetype);
  const address = `/files/${encodeURIComponent(file.id)}`;
  return element(
    "div",
    { class: "file" },
    element("a", { href: address, target: "_blank", rel: "noopener" }, file.title),
    element("small", {}, ` ${file.name} · ${file.size} bytes`),
    isPicture ? element("img", { src: address, alt: file.title, loading: "lazy" }) : null,
    file.preview ? element("pre", {}, file.preview) : null,
  );
}

function messageNode(message, replies, inThread, world, doings) {
  const known = world.people[message.user];
  const blocks = message.blocks ?? [];
  const use = (what) => doings.act({ kind: "click", ts: message.ts, values: valuesIn(node), ...what });
  const isEdited = message.edits > 0 && !blocks.length;
  const body = element("div", { class: "body" });
  if (blocks.length) body.append(...renderBlocks(blocks, world, use));
  else if (message.text) body.append(...mrkdwn(message.text, world));
  if (isEdited) (body.lastElementChild ?? body).append(element("small", {}, " (edited)"));
  body.append(...message.files.map(fileNode));
  if (message.reactions) {
    const marks = message.reactions.map((known) => element("span", {}, `${emoji(known.name)} ${known.count}`));
    body.append(element("div", { class: "reactions row" }, marks));
  }
  const show = () => doings.openThread(message.thread_ts ?? message.ts);
  const count = `${replies} ${replies === 1 ? "reply" : "replies"}`;
  if (replies && !inThread) body.append(element("button", { class: "thread-link", type: "button", onclick: show }, count));
  const seconds = Number(message.ts.split(".")[0]);
  const node = element(
    "article",
    { class: message.is_ephemeral ? "message ephemeral" : "message", "data-ts": message.ts },
    message.is_ephemeral ? element("div", { class: "note" }, "Only visible to you") : null,
    avatar(message.user, world),
    element(
      "div",
      {},
      element(
        "div",
        { class: "who" },
        element("strong", {}, known.real_name),
        known.is_bot ? element("span", { class: "badge" }, "APP") : null,
        element("small", { title: date(seconds, "{date} {time_secs}", world) }, date(seconds, "{time}", world)),
      ),
      body,
    ),
    inThread || message.is_ephemeral
      ? null
      : element("div", { class: "tools" }, element("button", { class: "quiet", type: "button", onclick: show }, "Reply in thread")),
  );
  for (const face of node.querySelectorAll("[data-colour]")) face.style.background = face.dataset.colour;
  return node;
}

// Only what changed is made anew, so that focus, open menus and scrolling stay.
export function renderLog(log, messages, inThread, world, doings) {
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const replies = new Map();
  for (const message of world.messages) {
    const parent = message.thread_ts;
    if (parent && parent !== message.ts) replies.set(parent, (replies.get(parent) ?? 0) + 1);
  }
  const known = new Map([...log.children].map((node) => [node.dataset.ts, node]));
  const nodes = messages.map((message) => {
    const count = replies.get(message.ts) ?? 0;
    const signature = JSON.stringify([message, count, world.me]);
    const old = known.get(message.ts);
    if (old?.signature === signature) return old;
    const node = messageNode(message, count, inThread, world, doings);
    node.signature = signature;
    return node;
  });
  if (!nodes.length) nodes.push(element("div", { class: "empty" }, "Nothing here yet. Say something, or type a / command."));
  const isSame = nodes.length === log.children.length && nodes.every((node, place) => node === log.children[place]);
  if (!isSame) log.replaceChildren(...nodes);
  if (wasAtEnd) log.scrollTop = log.scrollHeight;
}
