// Slack's mrkdwn as DOM nodes. Text only ever becomes text nodes: nothing that an app or a person writes is markup here.

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", eyes: "👀", key: "🔑", lock: "🔒",
  hourglass: "⏳", hourglass_flowing_sand: "⏳", rocket: "🚀", tada: "🎉", wave: "👋", fire: "🔥", bell: "🔔",
  large_green_circle: "🟢", large_yellow_circle: "🟡", red_circle: "🔴", no_entry: "⛔", wastebasket: "🗑️",
  moneybag: "💰", house: "🏠", thumbsup: "👍", "+1": "👍", information_source: "ℹ️",
};

// One pattern for everything inline; what stands between two marks of emphasis is parsed again.
const INLINE = new RegExp(
  [
    "`([^`\\n]+)`",
    "<([^<>\\n]+)>",
    "(?<![\\w*])\\*(?=\\S)([^*\\n]*?\\S)\\*(?![\\w*])",
    "(?<![\\w_])_(?=\\S)([^_\\n]*?\\S)_(?![\\w_])",
    "(?<![\\w~])~(?=\\S)([^~\\n]*?\\S)~(?![\\w~])",
    ":([a-z0-9_+-]+):",
  ].join("|"),
  "g",
);

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function unescaped(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

export function emoji(name) {
  return EMOJI[name] ?? `:${name}:`;
}

export function link(address, label) {
  const isSafe = /^(https?|mailto):/i.test(address);
  if (!isSafe) return document.createTextNode(label);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label);
}

export function person(id, world, className = "mention") {
  const name = world.people[id]?.name ?? id;
  return element("span", { class: id === world.me ? `${className} me` : className }, `@${name}`);
}

// <!date^1392734382^{date_short} at {time}|fallback>, in the reader's own zone
export function date(seconds, format, world, fallback = "") {
  const zone = world.people[world.me]?.tz ?? "UTC";
  const moment = new Date(Number(seconds) * 1000);
  if (Number.isNaN(moment.getTime())) return fallback;
  const shown = (options) => {
    try {
      return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(moment);
    } catch {
      return new Intl.DateTimeFormat("en-GB", options).format(moment);
    }
  };
  const short = { day: "numeric", month: "short", year: "numeric" };
  const long = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  const day = (when) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(when);
  const apart = Math.round((Date.parse(day(moment)) - Date.parse(day(new Date()))) / 86_400_000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[apart];
  const forms = {
    date_num: () => day(moment),
    date: () => shown({ day: "numeric", month: "long", year: "numeric" }),
    date_short: () => shown(short),
    date_long: () => shown(long),
    date_pretty: () => near ?? shown({ day: "numeric", month: "long", year: "numeric" }),
    date_short_pretty: () => near ?? shown(short),
    date_long_pretty: () => near ?? shown(long),
    time: () => shown({ hour: "2-digit", minute: "2-digit" }),
    time_secs: () => shown({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => `${Math.max(0, Math.round((Date.now() - moment.getTime()) / 60000))} minutes ago`,
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => (forms[name] ? forms[name]() : whole));
}

function angle(inside, world) {
  const [target, label = ""] = inside.split(/\|(.*)/s);
  if (target.startsWith("@")) return person(target.slice(1), world);
  if (target.startsWith("#")) {
    const name = world.channel_names[target.slice(1)] || label || target.slice(1);
    return element("span", { class: "mention" }, `#${name}`);
  }
  if (target.startsWith("!date^")) {
    const [, seconds, format, address] = target.split("^");
    const text = date(seconds, unescaped(format ?? ""), world, unescaped(label));
    const node = element("time", { title: unescaped(label) }, text);
    return address ? link(unescaped(address), text) : node;
  }
  if (target.startsWith("!")) {
    return element("span", { class: "mention loud" }, label || `@${target.slice(1).split("^")[0]}`);
  }
  return link(unescaped(target), unescaped(label || target));
}

function inline(text, world) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, inside, bold, italic, struck, name] = found;
    if (found.index > end) nodes.push(unescaped(text.slice(end, found.index)));
    if (code !== undefined) nodes.push(element("code", {}, unescaped(code)));
    else if (inside !== undefined) nodes.push(angle(inside, world));
    else if (bold !== undefined) nodes.push(element("strong", {}, inline(bold, world)));
    else if (italic !== undefined) nodes.push(element("em", {}, inline(italic, world)));
    else if (struck !== undefined) nodes.push(element("s", {}, inline(struck, world)));
    else nodes.push(emoji(name));
    end = found.index + whole.length;
  }
  if (end < text.length) nodes.push(unescaped(text.slice(end)));
  return nodes;
}

function lines(text, world) {
  const nodes = [];
  let quote = null;
  let list = null;
  for (const line of text.split("\n")) {
    const quoted = /^&gt;\s?(.*)$/.exec(line) ?? /^>\s?(.*)$/.exec(line);
    const item = /^\s*(?:[•◦▪]|[-*] )\s*(.*)$/.exec(line);
    if (quoted) {
      if (!quote) nodes.push((quote = element("blockquote")));
      quote.append(element("div", {}, inline(quoted[1], world)));
    } else if (item) {
      if (!list) nodes.push((list = element("ul")));
      list.append(element("li", {}, inline(item[1], world)));
    } else {
      nodes.push(element("div", { class: line ? "line" : "gap" }, inline(line, world)));
    }
    if (!quoted) quote = null;
    if (!item) list = null;
  }
  return nodes;
}

export function mrkdwn(text, world) {
  const parts = String(text).split(/```([\s\S]*?)```/);
  const nodes = [];
  parts.forEach((part, place) => {
    if (place % 2) {
      // In code only links lose their brackets; everything else stays as it is.
      const plain = part.replace(/<(https?:[^|>]+)(?:\|([^>]+))?>/g, (whole, address, label) => label ?? address);
      nodes.push(element("pre", {}, unescaped(plain.replace(/^\n|\n$/g, ""))));
    } else if (part.trim()) {
      nodes.push(...lines(part.replace(/^\n|\n$/g, ""), world));
    }
  });
  return nodes;
}

export function textObject(object, world) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, world);
  return [object.text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole)];
}
