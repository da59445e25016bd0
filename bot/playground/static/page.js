// The page of a local Slack workspace: what one person sees, kept fresh by server-sent events.

import { Box } from "./compose.js";
import { attach } from "./attach.js";
import { $, ask, nodes, send, swap, toast } from "./dom.js";
import { listen, prepare } from "./fields.js";
import { Log } from "./log.js";
import { listenToModal, showModal } from "./modal.js";
import { listenToTour, showTour } from "./tour.js";

// inspect: null, "" for all, or a ts; place: on a phone the list of conversations (nav) or what is open of them (main)
const open = { me: "", channel: "", thread: "", home: false, place: "nav", inspect: null };
Object.assign(open, JSON.parse(sessionStorage.getItem("open") ?? "{}")); // who and where one was, when the page is loaded again
const read = new Map(); // "person channel" → ts of the latest message seen
const typed = new Map(); // the same, or "person thread" → what stands unsent in the box
const page = { me: () => open.me, channel: () => open.channel, act, look, editLatest, remove };
const log = new Log($("log"), "Nothing here yet. Say something, or type / for a command.");
const thread = new Log($("thread"), "");
const box = new Box($("compose"), page, () => ({}));
const reply = new Box($("reply"), page, () => ({ thread_ts: open.thread, also_to_channel: $("also").checked }));
for (const each of [box, reply]) attach(each, page);
let news = null;
let shown = ""; // whose view of which conversation the log has

function connect() {
  news?.close();
  sessionStorage.setItem("open", JSON.stringify({ me: open.me, ...here() }));
  const asked = { user: open.me, channel: open.channel, thread: open.thread, home: open.home ? "1" : "" };
  news = new EventSource(`/page/news?${new URLSearchParams(asked)}`);
  news.onopen = () => live(true);
  news.onerror = () => {
    live(false);
    if (news?.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // else the browser itself tries again
  };
  news.onmessage = (event) => apply(JSON.parse(event.data));
}

// A browser keeps six connections to one server: tabs that nobody sees leave theirs to the others.
let leaving = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (document.visibilityState === "hidden") {
    leaving = setTimeout(() => {
      news?.close();
      news = null;
    }, 1000);
  } else if (!news) connect();
});

function live(isOn) {
  $("live").classList.toggle("on", isOn);
  $("live").setAttribute("aria-label", isOn ? "Connected" : "Not connected");
  $("offline").textContent = isOn ? "" : "The workspace does not answer. This page tries again every second; what you have typed stays.";
}

function apply(news) {
  if (news.reset) {
    if (open.me && open.me !== news.me) typed.clear();
    if (news.tour && !open.me) open.place = "main"; // who comes for the first time shall see that there is one
    Object.assign(open, { me: news.me, channel: news.channel });
    history.replaceState(here(), "");
    const signature = `${open.me} ${open.channel}`;
    if (shown !== signature) log.clear();
    shown = signature;
    $("me").replaceChildren(...news.people.map((each) => new Option(each.name, each.id, false, each.id === news.me)));
  }
  if (news.sides !== undefined) swap($("sides"), news.sides);
  if (news.head !== undefined) swap($("head"), news.head);
  if (news.messages) {
    log.apply(news.messages, news.reset);
    fill();
  }
  if (news.home !== undefined) {
    swap($("home"), news.home);
    prepare($("home"));
  }
  if (news.thread) thread.apply(news.thread, news.reset);
  if (news.modal !== undefined) showModal(news.modal, page);
  if (news.tour !== undefined) showTour(news.tour, page);
  arrange();
  inspectSoon();
}

function fill() {
  $("latest").hidden = !log.isBehind;
  log.fill((beside) => ask("/page/history", { user: open.me, channel: open.channel, ...beside }));
}

function toLatest() {
  log.clear();
  connect();
}

function arrange() {
  document.body.dataset.place = open.place;
  $("log").hidden = open.home;
  $("home").hidden = !open.home;
  $("compose").hidden = open.home || !open.channel;
  const name = $("head").querySelector("h1")?.textContent.trim().replace(/^# /, "#") ?? "";
  box.text.placeholder = `Message ${name}`;
  document.title = `${name} · ${$("team").textContent}`;
  $("side").hidden = !open.thread && open.inspect === null;
  $("thread").hidden = $("reply").hidden = open.inspect !== null;
  $("inspect").hidden = open.inspect === null;
  $("side-title").textContent = open.inspect === null ? "Thread" : open.inspect ? "Message" : "Traffic";
  $("traffic").setAttribute("aria-pressed", String(open.inspect === ""));
  for (const entry of $("sides").querySelectorAll("[data-channel]")) {
    const key = `${open.me} ${entry.dataset.channel}`;
    const isOpen = entry.dataset.channel === open.channel;
    if (isOpen || !read.has(key)) read.set(key, entry.dataset.latest);
    const isUnread = entry.dataset.latest > read.get(key);
    entry.classList.toggle("unread", isUnread);
    if (isUnread) entry.setAttribute("aria-label", `${entry.querySelector(".grow").textContent}, unread`);
    else entry.removeAttribute("aria-label");
  }
  if ($("sides").querySelector(".unread")) document.title = `• ${document.title}`;
}

async function act(what) {
  if (what.kind === "say" && log.isBehind && !what.thread_ts) toLatest();
  const { problem, isLost } = await send("/page/do", { user: open.me, ...what });
  if (problem && (isLost || what.kind !== "submit")) toast(problem); // what is wrong in a form stands in it
  if (!problem && what.also_to_channel) $("also").checked = false;
  return !problem;
}

// Where one is, for the browser's own way back and forth.
function here() {
  return { channel: open.channel, thread: open.thread, home: open.home, place: open.place };
}

function look(changes, isNew = true) {
  const places = () => [`${open.me} ${open.channel}`, `${open.me} ${open.thread}`];
  const [before, threadBefore] = places();
  typed.set(before, box.draft).set(threadBefore, reply.draft);
  Object.assign(open, changes);
  if ("me" in changes) $("home").replaceChildren(); // that was somebody else's
  const [after, threadAfter] = places();
  if (isNew && JSON.stringify(here()) !== JSON.stringify(history.state)) history.pushState(here(), "");
  if (threadBefore !== threadAfter) reply.value = typed.get(threadAfter) ?? "";
  if (before !== after) {
    box.value = typed.get(after) ?? "";
    const entry = [...$("sides").querySelectorAll(".unread")].find((each) => each.dataset.channel === open.channel);
    log.since = entry ? read.get(after) ?? "" : "";
  }
  if ("thread" in changes) thread.clear();
  arrange();
  connect();
}

function go(channel) {
  look({ channel, home: false, thread: "", inspect: null, place: "main" });
  box.grow(); // nobody knew its height while it was not seen
  box.text.focus();
}

function goHome() {
  look({ home: true, thread: "", inspect: null, place: "main" });
  act({ kind: "home" });
  $("home").focus();
}

function openThread(ts) {
  look({ thread: ts, inspect: null });
  reply.text.focus();
}

// What one has said oneself

function editLatest(which) {
  const all = (which === box ? $("log") : $("thread")).querySelectorAll("[data-edit]");
  [...all].at(-1)?.click();
}

function remove(ts) {
  $("deleting").dataset.ts = ts;
  $("deleting").showModal();
}

// The inspector

let waiting = 0;
function inspectSoon() {
  if (open.inspect === null) return;
  clearTimeout(waiting);
  waiting = setTimeout(inspect, 100);
}

async function inspect() {
  const { html, problem } = await ask("/page/inspect", { user: open.me, ts: open.inspect });
  const key = (node) => node.dataset.key ?? node.querySelector("summary").textContent;
  const expanded = new Set([...$("inspect").querySelectorAll("details[open]")].map(key));
  $("inspect").replaceChildren(...nodes(html ?? ""));
  if (problem) $("inspect").append(problem);
  for (const node of $("inspect").querySelectorAll("details")) node.open = expanded.has(key(node));
}

function openInspect(ts) {
  Object.assign(open, { inspect: ts });
  $("inspect").replaceChildren();
  arrange();
  inspect().then(() => $("inspect").focus());
}

function closeSide() {
  const wasThread = open.thread && open.inspect === null;
  if (open.inspect !== null && open.thread) {
    Object.assign(open, { inspect: null });
    return arrange();
  }
  Object.assign(open, { inspect: null });
  if (wasThread) look({ thread: "" });
  else arrange();
  return box.text.focus();
}

// What is pressed

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  const { dataset } = pressed;
  const ts = pressed.closest("article")?.dataset.ts;
  if ("channel" in dataset) go(dataset.channel);
  else if ("home" in dataset || dataset.tab === "home") goHome();
  else if (dataset.tab === "messages") go(open.channel);
  else if ("thread" in dataset) openThread(dataset.thread);
  else if ("inspect" in dataset) openInspect(dataset.inspect);
  else if ("shortcut" in dataset) {
    pressed.closest("details").open = false;
    pressed.closest("details").querySelector("summary").focus();
    act({ kind: "shortcut", callback_id: dataset.shortcut, ts, channel: open.channel });
  } else if ("react" in dataset) {
    $("picker").close();
    act({ kind: "react", ts: ts ?? $("picker").dataset.ts, name: dataset.react });
  } else if ("edit" in dataset) {
    pressed.closest("details").open = false;
    (pressed.closest("#thread") ? reply : box).edit(ts, dataset.edit);
  } else if ("delete" in dataset) {
    pressed.closest("details").open = false;
    remove(ts);
  } else if ("picker" in dataset) {
    $("picker").dataset.ts = ts;
    $("picker-name").value = "";
    $("picker").showModal();
  } else if ("back" in dataset) look({ place: "nav" });
});
window.addEventListener("popstate", (event) => {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    history.pushState(here(), ""); // what lies on top goes first
    dialog.close();
  } else if (event.state) look({ ...event.state, inspect: null }, false);
});
$("me").addEventListener("change", () => {
  look({ me: $("me").value, thread: "" });
  if (open.home) act({ kind: "home" });
});
$("side-close").addEventListener("click", closeSide);
$("traffic").addEventListener("click", () => (open.inspect === "" ? closeSide() : openInspect("")));
$("picker").addEventListener("close", () => {
  const name = $("picker-name").value;
  if ($("picker").returnValue === "name" && name) act({ kind: "react", ts: $("picker").dataset.ts, name });
  $("picker").returnValue = "";
  for (const node of document.querySelectorAll("article")) if (node.dataset.ts === $("picker").dataset.ts) node.focus();
});
$("deleting").addEventListener("close", () => {
  const { ts } = $("deleting").dataset;
  for (const each of [box, reply]) if (each.editing === ts) each.value = each.kept;
  if ($("deleting").returnValue === "yes") act({ kind: "delete", ts });
  $("deleting").returnValue = "";
});
$("help").addEventListener("click", () => $("keys").showModal());
$("log").addEventListener("scroll", fill);
$("latest").addEventListener("click", toLatest);

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !$("side").hidden) closeSide();
  const isTyping = event.target.closest("input, textarea, select");
  if (event.key === "/" && !isTyping && !$("compose").hidden) {
    event.preventDefault();
    box.text.focus();
    box.value = "/";
    box.changed();
  }
  if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const all = [...$("sides").querySelectorAll("[data-channel]")].map((each) => each.dataset.channel);
    const place = all.indexOf(open.channel) + (event.key === "ArrowDown" ? 1 : -1);
    if (all.length) go(all.at(place % all.length));
  }
});

// Light, dark, or as the system has it

const THEMES = { "": "as the system has it", light: "light", dark: "dark" };
function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", `Theme: ${THEMES[name]}`);
  $("theme").title = `Theme: ${THEMES[name]}`;
  localStorage.setItem("theme", name);
}
theme(localStorage.getItem("theme") ?? "");
$("theme").addEventListener("click", () => {
  const all = Object.keys(THEMES);
  theme(all[(all.indexOf(document.documentElement.dataset.theme) + 1) % all.length]);
});

// Times that say how long ago

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    node.textContent = node.dataset.format.replace("{ago}", ago(Date.now() / 1000 - Number(node.dataset.ago)));
  }
}, 20_000);

function ago(seconds) {
  const units = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3_600], ["minute", 60]];
  for (const [unit, size] of units) {
    const count = Math.floor(Math.abs(seconds) / size);
    if (count) return `${seconds < 0 ? "in " : ""}${count} ${unit}${count === 1 ? "" : "s"}${seconds < 0 ? "" : " ago"}`;
  }
  return "just now";
}

listen(page);
listenToModal(page);
listenToTour(page);
connect();
if (open.home) act({ kind: "home" });
