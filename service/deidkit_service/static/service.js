"use strict";
// Sorting and filtering of tables, and the life of a submission as it happens. Pages work without it, too.

function value(row, column) {
  const cell = row.children[column];
  const given = cell.dataset.value;
  const text = given === undefined ? cell.textContent.trim() : given;
  const number = Number(text);
  return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
}

function sort(table, heading, column) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const sign = descending ? -1 : 1;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [value(a, column), value(b, column)];
    if (typeof x === typeof y) return sign * (x < y ? -1 : x > y ? 1 : 0);
    return typeof x === "number" ? -1 : 1;
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading, column));
    heading.append(button);
  });
}

for (const field of document.querySelectorAll("[data-filter]")) {
  const rows = () => document.getElementById(field.dataset.filter).tBodies[0].rows;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase();
    for (const row of rows()) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
}

const life = document.querySelector("[data-events]");
if (life) {
  const source = new EventSource(life.dataset.events);
  const show = (event) => {
    const now = JSON.parse(event.data);
    document.getElementById("state").textContent = now.state;
    document.getElementById("sentence").textContent = now.stopping ? "Its worker is stopping."
      : now.position ? `Number ${now.position} in the queue.`
      : now.state === "running" ? now.stage : now.sentence;
    document.getElementById("percent").textContent = `${now.percent}\u00a0%`;
    const progress = document.getElementById("progress");
    document.getElementById("under-way").hidden = now.state !== "running";
    progress.value = now.percent;
    document.getElementById("log").textContent = now.log.join("\n");
    for (const step of document.querySelectorAll(".life li")) {
      if (step.dataset.state === now.state) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
  };
  source.addEventListener("state", show);
  source.addEventListener("end", () => { source.close(); location.reload(); });
}
