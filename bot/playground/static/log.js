// A list of messages that is kept fresh: what changed is replaced, what is older is fetched when somebody scrolls up.

import { prepare, restore, valuesIn } from "./fields.js";
import { focusOn, keyOf, nodes } from "./dom.js";

const TOGETHER_SECONDS = 300; // messages of one author this close share a head
const NEAR_END = 80; // pixels
const LAID_OUT = 100; // the latest messages; older ones are laid out when they come into view

export class Log {
  constructor(place, empty) {
    this.place = place;
    this.empty = empty;
    this.known = new Map(); // ts → {html, node}
    this.isMore = false;
    this.isFetching = false;
    this.isAtEnd = true;
    place.addEventListener("keydown", (event) => this.walk(event));
    place.addEventListener("scroll", () => {
      this.isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_END;
    });
    new ResizeObserver(() => this.isAtEnd && this.toEnd()).observe(place);
    place.addEventListener("load", () => this.isAtEnd && this.toEnd(), true); // a picture has come
  }

  clear() {
    this.isAtEnd = true;
    this.known.clear();
    this.place.replaceChildren();
  }

  // After a reset `put` is all that is shown at first: what is newer than its beginning and not in it has gone.
  apply({ put, gone = [], more }, isReset) {
    const wasAtEnd = this.isAtEnd;
    const first = put.length ? put[0][0] : "";
    const isEmpty = !this.known.size;
    if (isReset) {
      const now = new Set(put.map(([ts]) => ts));
      gone = [...this.known.keys()].filter((ts) => !now.has(ts) && (ts > first || !first));
      if (isEmpty) this.isMore = more;
    }
    for (const ts of gone) {
      this.known.get(ts)?.node.remove();
      this.known.delete(ts);
    }
    const oldest = this.place.querySelector("article")?.dataset.ts ?? "";
    for (const [ts, html] of put) if (isReset || isEmpty || !this.isMore || ts >= oldest) this.put(ts, html);
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
  arrange(first, last = null) {
    let before = first?.previousElementSibling;
    for (let node = first; node; node = node.nextElementSibling) {
      const isSameDay = before?.dataset.day === node.dataset.day;
      const isClose = before && Number(node.dataset.ts) - Number(before.dataset.ts) < TOGETHER_SECONDS;
      node.classList.toggle("first-of-day", !isSameDay);
      node.classList.toggle("follows", Boolean(isSameDay && isClose && before.dataset.from === node.dataset.from));
      before = node;
      if (node === last) break;
    }
    let node = this.place.lastElementChild;
    for (let left = 0; node && left < LAID_OUT; left += 1) node = node.previousElementSibling;
    for (; node && !node.classList.contains("old"); node = node.previousElementSibling) node.classList.add("old");
  }

  toEnd() {
    this.isAtEnd = true;
    this.place.scrollTop = this.place.scrollHeight;
  }

  async older(fetchBefore) {
    const first = this.place.firstElementChild;
    if (!this.isMore || this.isFetching || !first || this.place.scrollTop > 1200) return;
    this.isFetching = true;
    try {
      const { put, more } = await fetchBefore(first.dataset.ts);
      if (this.place.firstElementChild !== first) return; // somebody went elsewhere meanwhile
      const made = document.createDocumentFragment();
      for (const [ts, html] of put) {
        const node = nodes(html).find((each) => each.nodeType === Node.ELEMENT_NODE);
        prepare(node);
        made.append(node);
        this.known.set(ts, { html, node });
      }
      const below = this.place.scrollHeight - this.place.scrollTop;
      this.place.prepend(made);
      this.arrange(this.place.firstElementChild, first);
      this.place.scrollTop = this.place.scrollHeight - below;
      this.isMore = more;
    } finally {
      this.isFetching = false;
    }
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
      const wanted = { t: "[data-thread]", i: "[data-inspect]" }[event.key.toLowerCase()];
      if (wanted) here.querySelector(wanted)?.click();
    }
  }
}
