// Tables: sorted by a head, searched, saved as CSV, and without the rows that are filtered out.
const FEW_ROWS = 6;

function openTable(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
  }
  const title = table.caption.firstElementChild.firstChild.textContent.trim();
  const search = make("input", { type: "search", placeholder: "Search", "aria-label": `Search: ${title}` });
  search.addEventListener("input", () => hideRows(table, search.value));
  follow(() => hideRows(table, search.value));
  const save = make("button", { type: "button", "aria-label": `Save as CSV: ${title}` }, "CSV");
  save.addEventListener("click", () => saveText(`${table.id}.csv`, "text/csv", tableText(table)));
  const tools = make("div", { className: "tools" });
  if (table.tBodies[0].rows.length > FEW_ROWS) {
    tools.append(search);
    table.closest(".grid").classList.add("searched");
  }
  tools.append(save);
  table.closest(".grid").prepend(tools);
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

function hideRows(table, search) {
  const words = search.toLowerCase().split(/\s+/);
  for (const row of table.tBodies[0].rows) {
    const { arm, training } = row.dataset;
    const text = row.textContent.toLowerCase();
    row.hidden =
      !words.every((word) => text.includes(word)) ||
      (arm !== undefined && isHidden(Number(arm))) ||
      (training !== undefined && chosen.trainings !== null && !chosen.trainings.has(Number(training)));
    row.classList.toggle("chosen", chosen.arms.has(Number(arm)));
  }
}

// All rows, numbers with all their digits.
function tableText(table) {
  const rows = [...table.tHead.rows, ...table.tBodies[0].rows];
  return rows.map((row) => [...row.cells].filter((cell) => !cell.matches(".plot")).map(cellText).join(",")).join("\n");
}

function cellText(cell) {
  const text = cell.dataset.key ?? cell.textContent.trim();
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
