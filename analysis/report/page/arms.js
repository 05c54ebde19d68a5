// The bar: which metric, which levels of the factors, and the arms, each with its mark.
const MARKS = {
  o: "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z",
  s: "M2.5 2.5h11v11h-11z",
  "^": "M8 1.5L14.5 13.5H1.5z",
  D: "M8 1L15 8L8 15L1 8z",
  v: "M8 14.5L1.5 2.5H14.5z",
  P: "M6 1.5h4v4.5h4.5v4h-4.5v4.5h-4v-4.5h-4.5v-4h4.5z",
  X: "M4 1.5L8 5.5L12 1.5L14.5 4L10.5 8L14.5 12L12 14.5L8 10.5L4 14.5L1.5 12L5.5 8L1.5 4z",
  "*": "M8 .8L9.9 5.6L15 6L11.1 9.3L12.3 14.3L8 11.6L3.7 14.3L4.9 9.3L1 6L6.1 5.6z",
};

const dark = matchMedia("(prefers-color-scheme: dark)");

// Black cannot be seen on a dark page.
function colourOf(arm) {
  const { colour } = shown.arms[arm];
  return dark.matches && colour === "#000000" ? "#ffffff" : colour;
}

function markOf(arm) {
  const path = drawing("path", { d: MARKS[shown.arms[arm].marker], fill: "currentColor" });
  const mark = drawing("svg", { viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true" }, path);
  mark.style.color = colourOf(arm);
  dark.addEventListener("change", () => (mark.style.color = colourOf(arm)));
  return mark;
}

// A button that highlights an arm wherever it is shown.
function armButton(arm, ...content) {
  const button = make("button", { type: "button", className: "arm" }, markOf(arm), ...content);
  if (!content.length) button.setAttribute("aria-label", `Highlight ${shown.arms[arm].title}`);
  button.addEventListener("click", () => toggleArm(arm));
  follow(() => {
    button.setAttribute("aria-pressed", chosen.arms.has(arm));
    button.classList.toggle("faint", isFaint(arm));
  });
  return button;
}

function openRows() {
  for (const row of document.querySelectorAll("tr[data-arm]")) {
    const arm = Number(row.dataset.arm);
    row.cells[0].prepend(armButton(arm));
    row.addEventListener("click", (event) => {
      if (!event.target.closest("button, a") && getSelection().isCollapsed) toggleArm(arm);
    });
  }
}

function openBar() {
  const bar = document.getElementById("bar");
  const choices = make("div", { className: "choices" });
  if (shown.metrics.length > 1) choices.append(metricChoice());
  const filters = shown.factors.map(filterOf).filter((one) => one);
  choices.append(document.querySelector("header nav"), ...filters, resetButton());
  const legend = make("div", { className: "legend", role: "group", "aria-label": "Highlight arms", tabIndex: 0 });
  shown.arms.forEach((arm, at) => {
    const button = armButton(at, arm.title);
    follow(() => (button.hidden = isHidden(at)));
    legend.append(button);
  });
  bar.append(choices, legend);
  bar.hidden = false;
  closeDrops();
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(() => chosen.arms.clear());
  });
}

function metricChoice() {
  const options = shown.metrics.map((metric) => [metric, metric]);
  const [label, select] = makeSelect("Metric", options, (metric) => chooseRows(() => (chosen.metric = metric)));
  follow(() => (select.value = chosen.metric));
  return label;
}

// A factor with one level has nothing to filter.
function filterOf(factor) {
  const levels = [...new Set(shown.arms.map((arm) => arm.levels[factor]).filter((one) => one !== undefined))];
  if (levels.length < 2) return null;
  const summary = make("summary", {});
  const boxes = levels.map((level) => {
    const key = `${factor}=${level}`;
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () =>
      chooseRows(() => (box.checked ? chosen.hidden.delete(key) : chosen.hidden.add(key))),
    );
    follow(() => (box.checked = !chosen.hidden.has(key)));
    return make("label", {}, box, ` ${level}`);
  });
  follow(() => {
    const left = levels.filter((level) => !chosen.hidden.has(`${factor}=${level}`));
    summary.textContent = left.length < levels.length ? `${factor} (${left.length} of ${levels.length})` : factor;
  });
  const legend = make("legend", {}, `Show ${factor}`);
  return make("details", { className: "drop" }, summary, make("fieldset", {}, legend, ...boxes));
}

// One is open at a time, until something else is clicked.
function closeDrops() {
  const drops = [...document.querySelectorAll(".drop")];
  const close = (but) => drops.filter((drop) => drop !== but).forEach((drop) => (drop.open = false));
  addEventListener("click", ({ target }) => close(target.closest("a") ? null : target.closest(".drop")));
  addEventListener("keydown", ({ key }) => key === "Escape" && close(null));
}

function resetButton() {
  const reset = make("button", { type: "button" }, "Show all");
  reset.addEventListener("click", () =>
    chooseRows(() => {
      chosen.arms.clear();
      chosen.hidden.clear();
    }),
  );
  follow(() => (reset.hidden = !(chosen.arms.size || chosen.hidden.size || chosen.trainings)));
  return reset;
}
