"use strict";
// The page is whole without this: it narrows the table of names and the list of free ones, which it copies and saves, and
// says a mark's figures under the pointer.

const tools = document.getElementById("tools");
const tip = document.getElementById("tip");

function narrow() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  const group = document.getElementById("group").value;
  const rows = document.querySelectorAll("#names tbody tr");
  let shown = 0;
  for (const row of rows) {
    const fits = (!group || row.dataset.group === group) && row.textContent.toLowerCase().includes(wanted);
    row.hidden = !fits;
    row.classList.toggle("asked", fits && Boolean(wanted || group)); // on paper too
    shown += fits;
  }
  document.getElementById("found").value = counted(shown, rows.length);
}

function counted(some, all) {
  const names = `${all} ${String(all) === "1" ? "name" : "names"}`;
  return some === all ? names : `${some} of ${names}`;
}

function freeNames() {
  const [first, rest] = document.querySelectorAll("#free span");
  const names = (first.textContent + rest.textContent).trim().split("\n");
  const printed = first.textContent.trim().split("\n").length;
  const found = document.getElementById("free-found");
  let shown = names;

  function say(text) {
    const [some, all] = [shown, names].map((each) => each.length.toLocaleString("en"));
    const count = counted(some, all);
    found.value = text ? `${count} ${text}` : count;
  }
  function narrowFree(event) {
    const wanted = event.target.value.trim().toLowerCase();
    shown = names.filter((name) => name.includes(wanted));
    first.textContent = shown.slice(0, printed).join("\n");
    rest.textContent = shown.length > printed ? `\n${shown.slice(printed).join("\n")}` : "";
    say();
  }
  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
    } catch { // not allowed here: by the selection, as a person would
      getSelection().selectAllChildren(document.getElementById("free"));
      document.execCommand("copy");
    }
    say("copied");
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
    link.download = "free.txt";
    link.click();
    URL.revokeObjectURL(link.href);
    say("saved as free.txt");
  }
  const text = () => shown.map((name) => `${name}\n`).join("");
  document.getElementById("free-search").addEventListener("input", narrowFree);
  document.getElementById("free-copy").addEventListener("click", copy);
  document.getElementById("free-save").addEventListener("click", save);
  document.getElementById("free-tools").hidden = false;
  say();
}

function showTip(event) {
  const mark = event.target.closest("svg [aria-label]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.getAttribute("aria-label");
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
  tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 10)}px`;
}

if (tools) {
  tools.hidden = false;
  tools.addEventListener("input", narrow);
  tools.addEventListener("change", narrow);
  narrow();
}
if (document.getElementById("free")) freeNames();
document.addEventListener("pointermove", showTip);
document.addEventListener("pointerdown", showTip);
