// Files for a conversation: chosen, pasted or dropped at a message box. What stands in the box goes with them.

import { toast } from "./dom.js";

// Brings files to the workspace; gives their ids. What is wrong with one is told.
export async function bring(files, user) {
  const ids = [];
  for (const file of files) {
    const address = `/page/upload?${new URLSearchParams({ user, name: file.name })}`;
    const answer = await fetch(address, { method: "POST", headers: { "X-File-Name": "1" }, body: file });
    const { id, problem } = await answer.json();
    if (id) ids.push(id);
    else toast(problem);
  }
  return ids;
}

export function attach(box, page) {
  const chosen = box.form.querySelector("input[type=file]");

  async function share(files) {
    const [me, channel, text] = [page.me(), page.channel(), box.value];
    const ids = await bring(files, me);
    if (!ids.length) return;
    if (box.value === text) box.value = "";
    const isShared = await page.act({ kind: "share", channel, files: ids, text, ...box.more() });
    if (!isShared && !box.value) box.value = text;
  }

  box.form.querySelector("[data-attach]").addEventListener("click", () => chosen.click());
  chosen.addEventListener("change", async () => {
    await share([...chosen.files]);
    chosen.value = "";
    box.text.focus();
  });
  box.text.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length || box.editing) return;
    event.preventDefault();
    share([...event.clipboardData.files]);
  });
  box.form.addEventListener("dragover", (event) => event.preventDefault());
  box.form.addEventListener("drop", (event) => {
    event.preventDefault();
    share([...event.dataTransfer.files]);
  });
}
