// A list of messages that is kept fresh: what changed is replaced, what is older is fetched when somebody scrolls up.

import { prepare, restore, valuesIn } from "./fields.js";
import { focusOn, keyOf, nodes } from "./dom.js";

const TOGETHER_SECONDS = 300; // messages of one author this close share a head
const NEAR_END = 80; // pixels
const MOST = 360; // messages in the page at once; the others come back when somebody scrolls there
const NEAR_EDGE = 1200; // pixels
const LAID_OUT = 100; // the latest messages; older ones are laid out when they come into view

export class Log {
  constructor(place, empty) {
    this.place = place;
    this.empty = empty;
    this.known = new Map(); // ts → {html, node}
    this.isMore = false; // there are older ones
    this.isBehind = false; // there are newer ones, which were here before somebody scrolled far up
    this.isFetching = false;
    this.isAtEnd = true;
    this.top = 0; // where it was scrolled to
    this.since = ""; // what somebody had seen when they came; empty when that was all
    place.addEventListener("keydown", (event) => this.walk(event));
    place.addEventListener("scroll", () => {
      const isNear = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_END;
      if (isNear || place.scrollTop < this.top) this.isAtEnd = isNear; // what grew below was nobody's scrolling up
      this.top = place.scrollTop;
    });
    new ResizeObserver(() => this.isAtEnd && this.toEnd()).observe(place);
    place.addEventListener("load", () => this.isAtEnd && this.toEnd(), true); // a picture has come
  }

  clear() {
    this.isAtEnd = true;
    this.isBehind = false;
    this.known.clear();
    this.place.replaceChildren();
  }

  // After a reset `put` is all that is shown at first: what is newer than its beginning and not in it has gone.
  apply({ put, gone = [], more }, isReset) {
    const wasAtEnd = this.isAtEnd;
    const first = put.length ? put[0][0] : "";
    const last = this.place.lastElementChild?.dataset.ts ?? "";
    if (isReset && last < first && !this.isBehind) this.clear(); // too much was missed to be joined
    const isEmpty = !this.known.size;
    if (isReset) {
      const now = new Set(put.map(([ts]) => ts));
      gone = [...this.known.keys()].filter((ts) => !now.has(ts) && (ts > first || !first));
      if (isEmpty) this.isMore = more;
    }
    for (const ts of gone) {
      const node = this.known.get(ts)?.node;
      if (node?.contains(document.activeElement)) (node.nextElementSibling ?? node.previousElementSibling ?? this.place).focus();
      node?.remove();
      this.known.delete(ts);
    }
    const oldest = this.place.querySelector("article")?.dataset.ts ?? "";
    for (const [ts, html] of put) {
      const isWithin = (!this.isMore || ts >= oldest) && (!this.isBehind || ts <= last);
      if (isEmpty || isWithin) this.put(ts, html);
    }
    this.place.classList.toggle("nothing", !this.known.size);
    this.place.dataset.empty = this.empty;
    this.arrange(this.firstOf(put, gone));
    if (wasAtEnd || (isReset && isEmpty)) this.toEnd();
  }

  put(ts, html) {
    const old = this.known.get(ts);
    if (old?.html === html) return;
    const node = nodes(html).find((each) => each.nodeType === Node.ELEMENT_NODE);
    if (old) {
      const focused = old.node.contains(document.activeElement) ? keyOf(document.activeElement) : null;
      const values = valuesIn(old.node);
      old.node.replaceWith(node);
      restore(node, values);
      if (focused) focusOn(this.place, focused);
    } else {
      let after = this.place.lastElementChild;
      while (after && after.dataset.ts > ts) after = after.previousElementSibling;
      if (after) after.after(node);
      else this.place.prepend(node);
    }
    prepare(node);
    this.known.set(ts, { html, node });
  }

  // Where the order may have changed: from the earliest message that came or went.
  firstOf(put, gone) {
    const earliest = [...put.map(([ts]) => ts), ...gone].reduce((one, other) => (one < other ? one : other), "9");
    let node = this.place.lastElementChild;
    while (node?.previousElementSibling && node.dataset.ts > earliest) node = node.previousElementSibling;
    return node;
  }

  // Days, shared heads, and what need not be laid out, from one message on. Does nothing where nothing changes.
  arrange(first) {
    let before = first?.previousElementSibling;
    for (let node = first; node; node = node.nextElementSibling) {
      const isSameDay = before?.dataset.day === node.dataset.day;
      const isClose = before && Number(node.dataset.ts) - Number(before.dataset.ts) < TOGETHER_SECONDS;
      node.classList.toggle("first-of-day", !isSameDay);
      node.classList.toggle("follows", Boolean(isSameDay && isClose && before.dataset.from === node.dataset.from));
      before = node;
    }
    if (this.since && !this.place.querySelector(".first-new")) {
      [...this.place.children].find((each) => each.dataset.ts > this.since)?.classList.add("first-new");
    }
    let node = this.place.lastElementChild;
    for (let left = 0; node && left < LAID_OUT; left += 1) node = node.previousElementSibling;
    for (; node && !node.classList.contains("old"); node = node.previousElementSibling) node.classList.add("old");
  }

  toEnd() {
    this.isAtEnd = true;
    this.place.scrollTop = this.place.scrollHeight;
  }

  // fetch: gives what stands {before} or {after} a message. What somebody looks at stays where it is.
  async fill(fetch) {
    const { place } = this;
    const below = place.scrollHeight - place.scrollTop - place.clientHeight;
    const isUp = this.isMore && place.scrollTop < NEAR_EDGE;
    if (this.isFetching || !place.firstElementChild || !(isUp || (this.isBehind && below < NEAR_EDGE))) return;
    this.isFetching = true;
    try {
      const edge = isUp ? place.firstElementChild : place.lastElementChild;
      const { put, more } = await fetch(isUp ? { before: edge.dataset.ts } : { after: edge.dataset.ts });
      if (!put || !edge.isConnected) return; // somebody went elsewhere meanwhile
      const top = edge.getBoundingClientRect().top;
      const made = put.map(([ts, html]) => this.made(ts, html));
      if (isUp) place.prepend(...made);
      else place.append(...made);
      const isTooMuch = place.children.length > MOST;
      while (place.children.length > MOST) this.drop(isUp ? place.lastElementChild : place.firstElementChild);
      if (isUp) [this.isMore, this.isBehind] = [more, this.isBehind || isTooMuch];
      else [this.isMore, this.isBehind] = [this.isMore || isTooMuch, more];
      this.arrange(place.firstElementChild);
      place.scrollTop += edge.getBoundingClientRect().top - top;
    } finally {
      this.isFetching = false;
    }
  }

  made(ts, html) {
    const node = nodes(html).find((each) => each.nodeType === Node.ELEMENT_NODE);
    prepare(node);
    this.known.set(ts, { html, node });
    return node;
  }

  drop(node) {
    this.known.delete(node.dataset.ts);
    node.remove();
  }

  walk(event) {
    if (event.target.closest("input, textarea, select, details, pre")) return;
    const here = event.target.closest("article");
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (step && !event.altKey) {
      const next = here ? here[step] : this.place.lastElementChild;
      if (!next) return;
      event.preventDefault();
      next.focus();
    } else if (here && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const wanted = { t: "[data-thread]", r: "[data-picker]", i: "[data-inspect]", e: "[data-edit]", delete: "[data-delete]" }[event.key.toLowerCase()];
      if (!wanted) return;
      event.preventDefault(); // else the letter stands in what has the focus then
      here.querySelector(wanted)?.click();
    }
  }
}
