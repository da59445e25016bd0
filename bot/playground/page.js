// The page of a local Slack workspace: what one person sees, kept fresh by server-sent events.

import { renderBlocks, valuesIn } from "./blocks.js";
import { renderLog } from "./messages.js";
import { element } from "./mrkdwn.js";

const $ = (id) => document.getElementById(id);
const open = { me: "", channel: "", thread: "", home: false, inspect: false };
const doings = { act, openThread };
const read = new Map(); // "person channel" → ts of the latest message seen
const typed = new Map(); // the same → what stands unsent in the box
let world = null;
let fetching = false;
let stale = false;

async function refresh() {
  if (fetching) {
    stale = true;
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(`/page/state?${new URLSearchParams({ user: open.me, channel: open.channel })}`);
    world = await answer.json();
    open.me = world.me;
    if (!open.home) open.channel = world.channel;
    render();
    if (open.inspect) await renderTraffic();
  } finally {
    fetching = false;
    if (stale) {
      stale = false;
      refresh();
    }
  }
}

async function act(what) {
  const answer = await fetch("/page/do", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: open.me, ...what }),
  });
  const { problem } = answer.ok ? await answer.json() : { problem: await answer.text() };
  if (problem && what.kind !== "submit") toast(problem);
  await refresh();
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => $("toast").classList.remove("on"), 5000);
}

// The left column

function renderSides() {
  document.title = `${world.team} · local workspace`;
  $("team").textContent = world.team;
  const chooser = $("me");
  const people = world.actors.map((id) => {
    const known = world.people[id];
    const notes = [known.is_guest ? "guest" : "", known.is_deleted ? "deactivated" : ""].filter(Boolean);
    const home = known.team === world.team ? "" : ` (${known.team})`;
    return [id, `${known.real_name}${home}${notes.length ? `, ${notes.join(", ")}` : ""}`];
  });
  const signature = JSON.stringify(people);
  if (chooser.dataset.signature !== signature) {
    chooser.replaceChildren(...people.map(([id, name]) => element("option", { value: id }, name)));
    chooser.dataset.signature = signature;
  }
  chooser.value = open.me;
  const entry = (channel) => {
    const isOpen = !open.home && channel.id === open.channel;
    const key = `${open.me} ${channel.id}`;
    if (isOpen) read.set(key, channel.latest);
    else if (!read.has(key)) read.set(key, channel.latest);
    const sign = channel.is_im ? "• " : channel.is_private ? "▪ " : "# ";
    return element(
      "button",
      {
        type: "button",
        class: channel.latest > read.get(key) ? "unread" : null,
        "aria-current": String(isOpen),
        onclick: () => go(channel.id),
      },
      sign + channel.name,
    );
  };
  const home = element("button", { type: "button", "aria-current": String(open.home), onclick: goHome }, "⌂ Home");
  $("channels").replaceChildren(
    element("h2", {}, "Channels"),
    ...world.channels.filter((channel) => !channel.is_im).map(entry),
    element("h2", {}, "Direct messages"),
    ...world.channels.filter((channel) => channel.is_im).map(entry),
    element("h2", {}, world.app.name),
    home,
  );
}

function go(channel) {
  typed.set(`${open.me} ${open.channel}`, $("text").value);
  Object.assign(open, { channel, home: false, thread: "" });
  $("text").value = typed.get(`${open.me} ${channel}`) ?? "";
  refresh().then(() => $("text").focus());
}

function goHome() {
  Object.assign(open, { home: true, thread: "" });
  act({ kind: "home" });
}

function render() {
  renderSides();
  const channel = world.channels.find((known) => known.id === open.channel);
  $("compose").hidden = open.home || !channel;
  if (open.home) {
    $("title").textContent = world.app.name;
    $("about").textContent = "Home tab";
    const home = world.home;
    const use = (what) => act({ kind: "click", view_id: home.id, values: valuesIn($("log")), ...what });
    const blocks = home ? renderBlocks(home.blocks, world, use) : [element("div", { class: "empty" }, "The app shows nothing here.")];
    $("log").replaceChildren(element("div", { class: "body empty" }, blocks));
  } else {
    $("title").textContent = channel ? (channel.is_im ? "" : "# ") + channel.name : "No conversation";
    $("about").textContent = channel && !channel.is_im ? `${channel.members} members` : "";
    $("text").placeholder = channel ? `Message ${channel.is_im ? "" : "#"}${channel.name}, or a / command` : "";
    const isOnTop = (message) => !message.thread_ts || message.thread_ts === message.ts || message.reply_broadcast;
    renderLog($("log"), world.messages.filter(isOnTop), false, world, doings);
  }
  renderThread();
  renderModal();
}

// Threads and traffic share the right column

function openThread(ts) {
  Object.assign(open, { thread: ts, inspect: false });
  render();
  $("reply-text").focus();
}

function renderThread() {
  const inThread = world.messages.filter((message) => message.ts === open.thread || message.thread_ts === open.thread);
  if (!open.inspect && (!open.thread || !inThread.length)) open.thread = "";
  $("side").hidden = !open.thread && !open.inspect;
  $("inspect").setAttribute("aria-expanded", String(open.inspect));
  $("reply").hidden = open.inspect;
  $("side-title").textContent = open.inspect ? "Traffic" : "Thread";
  if (open.thread && !open.inspect) renderLog($("thread"), inThread, true, world, doings);
}

async function renderTraffic() {
  const traffic = await (await fetch("/page/inspect")).json();
  const expanded = new Set([...$("thread").querySelectorAll("details[open]")].map((node) => node.dataset.key));
  const nodes = traffic.map((entry) => {
    const key = `${entry.at} ${entry.what}`;
    return element(
      "details",
      { class: "traffic", "data-key": key, open: expanded.has(key) },
      element(
        "summary",
        {},
        element("span", { title: entry.direction }, entry.direction === "to the app" ? "→" : "←"),
        element("span", { class: entry.error ? "grow bad" : "grow" }, entry.error ? `${entry.what} · ${entry.error}` : entry.what),
        element("small", {}, `${entry.status} · ${entry.ms} ms`),
      ),
      element("pre", {}, JSON.stringify(entry.detail, null, 2)),
    );
  });
  $("thread").replaceChildren(...nodes);
}

function closeSide() {
  Object.assign(open, { thread: "", inspect: false });
  render();
  $("text").focus();
}

// Modals

function renderModal() {
  const dialog = $("modal");
  const view = world.modals.at(-1);
  if (!view) {
    delete dialog.dataset.shown;
    if (dialog.open) dialog.close();
    return;
  }
  const shown = `${view.id} ${view.hash}`;
  if (dialog.dataset.shown !== shown) {
    dialog.dataset.shown = shown;
    const use = (what) => act({ kind: "click", view_id: view.id, values: valuesIn(dialog), ...what });
    const close = () => act({ kind: "close", view_id: view.id });
    const send = view.submit ? element("button", { class: "button primary", type: "submit" }, view.submit.text) : null;
    const form = element(
      "form",
      { class: "form", novalidate: true },
      element("h2", {}, view.title.text),
      renderBlocks(view.blocks, world, use),
      element("div", { class: "error", role: "alert", "data-block": "" }),
      element("div", { class: "row end" }, element("button", { class: "button", type: "button", onclick: close }, view.close?.text ?? "Close"), send),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send?.setAttribute("aria-busy", "true");
      await act({ kind: "submit", view_id: view.id, values: valuesIn(dialog) });
      send?.removeAttribute("aria-busy");
    });
    dialog.oncancel = (event) => {
      event.preventDefault();
      close();
    };
    dialog.setAttribute("aria-label", view.title.text);
    dialog.replaceChildren(form);
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("input, textarea, select, button")?.focus();
  }
  for (const place of dialog.querySelectorAll("[data-block]")) {
    const text = view.errors[place.dataset.block] ?? "";
    (place.querySelector(".error") ?? place).textContent = text;
  }
}

// Writing

function compose(form, box, more) {
  const send = () => {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    grow();
    act({ kind: "say", channel: open.channel, text, ...more() });
  };
  const grow = () => {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  };
  box.addEventListener("input", grow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
}

function hint() {
  const word = $("text").value;
  const fitting = /^\/\S*$/.test(word) ? (world?.commands ?? []).filter((command) => command.startsWith(word)) : [];
  const choose = (command) => {
    $("text").value = `${command} `;
    $("hints").hidden = true;
    $("text").focus();
  };
  $("hints").hidden = !fitting.length;
  $("hints").replaceChildren(
    ...fitting.map((command) => element("button", { type: "button", role: "option", onclick: () => choose(command) }, command)),
  );
  return fitting.length === 1 ? () => choose(fitting[0]) : null;
}

compose($("compose"), $("text"), () => ({}));
compose($("reply"), $("reply-text"), () => ({ thread_ts: open.thread }));
$("text").addEventListener("input", hint);
$("text").addEventListener("keydown", (event) => {
  const complete = event.key === "Tab" && !event.shiftKey ? hint() : null;
  if (!complete) return;
  event.preventDefault();
  complete();
});
$("me").addEventListener("change", () => {
  Object.assign(open, { me: $("me").value, thread: "", home: false });
  $("text").value = typed.get(`${open.me} ${open.channel}`) ?? "";
  refresh();
});
$("side-close").addEventListener("click", closeSide);
$("inspect").addEventListener("click", () => {
  Object.assign(open, { inspect: !open.inspect, thread: "" });
  $("thread").replaceChildren();
  refresh();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]") && !$("side").hidden) closeSide();
  if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp") && world) {
    event.preventDefault();
    const place = world.channels.findIndex((channel) => channel.id === open.channel);
    const next = world.channels.at((place + (event.key === "ArrowDown" ? 1 : -1)) % world.channels.length);
    if (next) go(next.id);
  }
});

const news = new EventSource("/page/news");
news.onopen = () => $("live").classList.add("on");
news.onerror = () => $("live").classList.remove("on");
news.onmessage = refresh;
