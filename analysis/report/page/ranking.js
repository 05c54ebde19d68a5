// The ranking: one table of each metric, of which one is shown, with each arm's interval in its row.
const PLOT = { width: 150, height: 22, edge: 8 };

function openRanking(grid) {
  const { metric } = grid.dataset;
  follow(() => (grid.hidden = metric !== chosen.metric));
  const scores = shown.scores[metric];
  const tested = scores.some((score) => score.test !== null);
  if (!tested && scores.every((score) => score.best === null)) return;
  const table = grid.querySelector("table");
  const [low, high] = rangeOf(scores, tested);
  const across = (value) => PLOT.edge + ((value - low) / (high - low)) * (PLOT.width - 2 * PLOT.edge);
  const before = 1 + [...table.tHead.rows[0].cells].findLastIndex((head) => head.matches("[data-names]"));
  const split = tested ? "test" : "validation";
  const head = make("th", { className: "plot", scope: "col" }, `${metric} on ${split}`, scaleOf(low, high, across));
  table.tHead.rows[0].cells[before].before(head);
  for (const row of table.tBodies[0].rows) {
    const cell = make("td", { className: "plot" });
    if (row.dataset.arm !== undefined) cell.append(plotOf(Number(row.dataset.arm), scores, tested, across));
    row.cells[before].before(cell);
  }
  hideMinor(table, tested ? "test" : "best");
}

function rangeOf(scores, tested) {
  const values = scores.flatMap((one) => (tested ? [one.low, one.high, one.test, ...one.each] : [one.best]));
  const found = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...found), Math.max(...found)];
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

function scaleOf(low, high, across) {
  const text = (value, anchor) => drawing("text", { x: across(value), y: 11, "text-anchor": anchor }, value.toFixed(3));
  return drawing("svg", { ...box(14), "aria-hidden": "true" }, text(low, "start"), text(high, "end"));
}

// A bar from the lower to the upper bound, a tick for each seed, and the mark at the score.
function plotOf(arm, scores, tested, across) {
  const score = scores[arm];
  const value = tested ? score.test : score.best;
  if (value === null) return "–";
  const middle = PLOT.height / 2;
  const plot = drawing("svg", { ...box(PLOT.height), role: "img", "aria-label": intervalText(score, tested) });
  plot.append(drawing("title", {}, intervalText(score, tested)));
  const line = (x1, x2, y1, y2, width) =>
    drawing("line", { x1, x2, y1, y2, stroke: "currentColor", "stroke-width": width });
  if (tested && score.low !== null) plot.append(line(across(score.low), across(score.high), middle, middle, 2));
  if (tested && score.each.length > 1) {
    for (const one of score.each) plot.append(line(across(one), across(one), middle - 7, middle + 7, 1));
  }
  const path = { d: MARKS[shown.arms[arm].marker], fill: "currentColor" };
  const size = 12;
  const place = `translate(${across(value) - size / 2} ${middle - size / 2}) scale(${size / 16})`;
  plot.append(drawing("path", { ...path, transform: place }));
  plot.style.color = colourOf(arm);
  dark.addEventListener("change", () => (plot.style.color = colourOf(arm)));
  follow(() => plot.classList.toggle("faint", isFaint(arm)));
  return plot;
}

function box(height) {
  return { viewBox: `0 0 ${PLOT.width} ${height}`, width: PLOT.width, height };
}

function intervalText(score, tested) {
  if (!tested) return `${scoreText(score.best)} on validation`;
  const bounds = score.low === null ? "" : `, 95 % interval ${scoreText(score.low)} to ${scoreText(score.high)}`;
  const seeds = score.each.length > 1 ? `; seeds: ${score.each.map(scoreText).join(", ")}` : "";
  return `${scoreText(score.test)} on test${bounds}${seeds}`;
}

// On a phone the table has its names, the plot and the score; a button shows the rest.
function hideMinor(table, score) {
  const heads = [...table.tHead.rows[0].cells];
  const minor = heads.map((head) => !head.matches("[data-names], .plot") && head.textContent.trim() !== score);
  for (const row of table.rows) [...row.cells].forEach((cell, at) => cell.classList.toggle("minor", minor[at]));
  const button = make("button", { type: "button", className: "columns", "aria-pressed": "false" }, "All columns");
  button.addEventListener("click", () => {
    const all = table.classList.toggle("all");
    button.setAttribute("aria-pressed", all);
  });
  table.closest(".grid").querySelector(".tools").prepend(button);
}
