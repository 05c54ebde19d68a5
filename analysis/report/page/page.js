"use strict";

// What the page shows, what its reader has chosen, and who must know when that changes.
const { charts: shown, files } = JSON.parse(document.getElementById("data").textContent);

const chosen = {
  metric: shown.metrics[0],
  arms: new Set(), // highlighted ones; none: all are alike
  hidden: new Set(), // levels, as "factor=level"
  trainings: null, // those that are brushed; null: all
};

const followers = [];

function follow(draw) {
  followers.push(draw);
}

function choose(change) {
  change();
  remember();
  for (const draw of followers) draw();
}

// A choice of what there is to brush: what was brushed before does not hold any more.
function chooseRows(change) {
  chosen.trainings = null;
  choose(change);
}

function isHidden(arm) {
  const levels = Object.entries(shown.arms[arm].levels);
  return levels.some(([factor, level]) => chosen.hidden.has(`${factor}=${level}`));
}

function isFaint(arm) {
  return chosen.arms.size > 0 && !chosen.arms.has(arm);
}

function toggleArm(arm) {
  choose(() => chosen.arms.delete(arm) || chosen.arms.add(arm));
}

// The page may be loaded again while a sweep runs: arms are kept by name, because their order may
// be another one then.
const MEMORY = `choice:${document.title}`;

function remember() {
  const arms = [...chosen.arms].map((arm) => shown.arms[arm].title);
  const kept = { metric: chosen.metric, arms, hidden: [...chosen.hidden] };
  sessionStorage.setItem(MEMORY, JSON.stringify(kept));
}

function recall() {
  const kept = JSON.parse(sessionStorage.getItem(MEMORY) ?? "null");
  if (!kept) return;
  if (shown.metrics.includes(kept.metric)) chosen.metric = kept.metric;
  shown.arms.forEach((arm, at) => kept.arms.includes(arm.title) && chosen.arms.add(at));
  chosen.hidden = new Set(kept.hidden);
}

// An element with its properties (or attributes, where the name has a dash) and what is in it.
function make(tag, properties, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...content);
  return element;
}

function drawing(tag, attributes, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

function makeSelect(label, options, onChange) {
  const select = make("select", {}, ...options.map(([value, text]) => new Option(text, value)));
  select.addEventListener("change", () => onChange(select.value));
  return [make("label", {}, `${label} `, select), select];
}

// As the tables have it: scores to four decimals, other numbers to four digits.
function scoreText(value) {
  return value === null || value === undefined ? "–" : value.toFixed(4);
}

function numberText(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
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
