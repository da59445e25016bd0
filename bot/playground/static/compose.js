// A message box: it grows, sends with Enter, offers what may come next, and takes back what was said to be said otherwise.

import { ask } from "./dom.js";

export class Box {
  // page: {me(), channel(), act(what), editLatest(box), remove(ts)}; more(): what else is sent with the text
  constructor(form, page, more) {
    this.form = form;
    this.page = page;
    this.more = more;
    this.text = form.querySelector("textarea");
    this.list = form.querySelector("[role=listbox]");
    this.button = form.querySelector("[type=submit]");
    this.leave = form.querySelector("[data-leave]");
    this.editing = ""; // the ts of a message of one's own that stands in the box
    this.kept = ""; // what stood there before
    this.offered = [];
    this.chosen = -1;
    this.asked = 0;
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("blur", () => setTimeout(() => this.offer([]), 150));
    this.leave.addEventListener("click", () => {
      this.value = this.kept;
      this.text.focus();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  get value() {
    return this.text.value;
  }

  set value(text) {
    this.text.value = text;
    this.mark("");
    this.grow();
    this.offer([]);
  }

  // What is still to be said there.
  get draft() {
    return this.editing ? this.kept : this.value;
  }

  edit(ts, text) {
    const draft = this.draft;
    this.value = text;
    this.kept = draft;
    this.mark(ts);
    this.grow(); // there is other room for it now
    this.text.focus();
    this.text.setSelectionRange(text.length, text.length);
  }

  mark(editing) {
    this.editing = editing;
    this.form.querySelector(".editing").textContent = editing ? "You are editing your message." : "";
    this.button.textContent = editing ? "Save" : "Send";
    this.leave.hidden = !editing;
  }

  grow() {
    this.text.style.height = "auto";
    if (this.text.scrollHeight) this.text.style.height = `${this.text.scrollHeight}px`;
  }

  async changed() {
    this.grow();
    const number = ++this.asked;
    const text = this.text.value.slice(0, this.text.selectionEnd);
    this.offer(this.offered.filter((hint) => hint.text !== text && hint.text.startsWith(text))); // Tab must not take another
    const isWorth = text.startsWith("/") || /(^|\s)[@#][\w.-]*$/.test(text);
    if (!isWorth || text !== this.text.value || text.includes("\n")) return this.offer([]);
    const found = await ask("/page/hints", { user: this.page.me(), channel: this.page.channel(), text });
    if (number === this.asked && Array.isArray(found)) this.offer(found);
    return undefined;
  }

  offer(found) {
    this.offered = found;
    this.chosen = -1;
    this.list.hidden = !found.length;
    this.list.replaceChildren(
      ...found.map((hint, place) => {
        const node = document.createElement("li");
        node.id = `${this.list.id}-${place}`;
        node.setAttribute("role", "option");
        node.setAttribute("aria-selected", "false");
        node.append(hint.shown);
        if (hint.about) {
          const about = document.createElement("small");
          about.append(hint.about);
          node.append(about);
        }
        node.addEventListener("mousedown", (event) => {
          event.preventDefault();
          this.take(place);
        });
        return node;
      }),
    );
    this.text.removeAttribute("aria-activedescendant");
  }

  choose(place) {
    this.chosen = (place + this.offered.length) % this.offered.length;
    [...this.list.children].forEach((node, each) => node.setAttribute("aria-selected", String(each === this.chosen)));
    this.text.setAttribute("aria-activedescendant", this.list.children[this.chosen].id);
  }

  take(place) {
    this.text.value = this.offered[place].text;
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
    this.changed();
  }

  key(event) {
    if (event.isComposing) return;
    const isOffering = this.offered.length > 0;
    if (isOffering && (event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
      event.preventDefault();
      this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : this.chosen < 0 ? 0 : -1));
    } else if (isOffering && event.key === "Tab" && !event.shiftKey) {
      event.preventDefault();
      this.take(Math.max(this.chosen, 0));
    } else if (isOffering && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.offer([]);
    } else if (this.editing && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.value = this.kept;
    } else if (!this.value && event.key === "ArrowUp" && !event.altKey) {
      event.preventDefault();
      this.page.editLatest(this);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (isOffering && this.chosen >= 0) this.take(this.chosen);
      else this.send();
    }
  }

  async send() {
    const [text, ts] = [this.text.value.trim(), this.editing];
    if (!text) {
      if (ts) this.page.remove(ts);
      return;
    }
    this.asked += 1;
    this.value = ts ? this.kept : "";
    const [me, channel] = [this.page.me(), this.page.channel()];
    const isSent = await this.page.act(ts ? { kind: "edit", ts, text } : { kind: "say", channel, text, ...this.more() });
    const isStillHere = me === this.page.me() && channel === this.page.channel();
    if (isSent || !isStillHere) return;
    if (ts) this.edit(ts, text); // nothing that was typed is lost
    else if (!this.text.value) this.value = text;
  }
}
