"use strict";
// The page is whole without this: it only narrows the table of names, and says a mark's figures under the pointer.

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
  document.getElementById("found").value = shown === rows.length ? `${shown} names` : `${shown} of ${rows.length} names`;
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
document.addEventListener("pointermove", showTip);
document.addEventListener("pointerdown", showTip);
