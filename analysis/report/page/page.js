"use strict";

// Heads of tables become buttons that sort. Without this script the tables stay as written.
for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
}

// Names rise first, numbers fall first: the highest score is what is looked for.
function sort(table, head) {
  const numeric = head.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const second = numeric ? "ascending" : "descending";
  const direction = head.getAttribute("aria-sort") === first ? second : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => compare(one.cells[head.cellIndex], other.cells[head.cellIndex], sign));
  table.tBodies[0].append(...rows);
}

// What has a number stands before what has none, whichever the direction.
function compare(one, other, sign) {
  const [left, right] = [one.dataset.key, other.dataset.key];
  if (left && right) return sign * (Number(left) - Number(right));
  if (left || right) return left ? -1 : 1;
  return sign * one.textContent.localeCompare(other.textContent, "en", { numeric: true });
}

// On paper nothing can be opened.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of opened) part.open = false;
});
