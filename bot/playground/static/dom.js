// Small things that all modules need. HTML comes from the server's templates alone, which escape what people wrote.

export const $ = (id) => document.getElementById(id);

export function nodes(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}

// Puts other contents into a place; the focus stays with what is called the same there.
export function swap(place, html) {
  const kept = place.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  place.replaceChildren(...nodes(html));
  if (kept) focusOn(place, kept);
}

export function keyOf(node) {
  const use = node.closest(".use");
  return JSON.stringify([node.tagName, { ...node.dataset }, use ? [use.dataset.block, use.dataset.action] : 0, node.value ?? ""]);
}

export function focusOn(place, key) {
  for (const node of place.querySelectorAll("button, summary, input, select, textarea, a, article")) {
    if (keyOf(node) === key) return node.focus({ preventScroll: true });
  }
  return undefined;
}

// Gives the focus back when a dialog is gone: to what had it, or to what stands in its place by now.
export function comeBack() {
  const node = document.activeElement;
  const [list, ts, key] = [node.closest(".log"), node.closest("article")?.dataset.ts, keyOf(node)];
  return () => {
    if (!document.activeElement.matches("body, dialog:not([open]) *")) return; // the browser has seen to it
    if (node.isConnected) return void node.focus();
    const article = [...(list?.children ?? [])].find((each) => each.dataset.ts === ts);
    const place = article ?? $("home");
    focusOn(place, key);
    if (!place.contains(document.activeElement)) place.focus();
  };
}

const NOBODY = { problem: "The workspace does not answer. Try again in a moment.", isLost: true };

export async function ask(path, asked) {
  try {
    const answer = await fetch(`${path}?${new URLSearchParams(asked)}`);
    return await answer.json();
  } catch {
    return NOBODY;
  }
}

export async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.ok ? await answer.json() : { problem: await answer.text() };
  } catch {
    return NOBODY;
  }
}

export function toast(text) {
  $("toast").textContent = text;
  if ($("toast").matches(":popover-open")) $("toast").hidePopover();
  $("toast").showPopover(); // upon whatever dialog is open
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => $("toast").hidePopover(), 6000);
}
