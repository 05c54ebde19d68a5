// What all charts have in common: their place in a figure, their colours, and their tooltips.
const drawn = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ink: of("ink"), quiet: of("quiet"), line: of("line"), paper: of("paper"), band: of("band") };
}

// Open the chart of every figure that asks for it.
//   hint: what the reader can do; tools: its controls; draw: sets the options of the ECharts chart;
//   opened: what else is to be done with the chart.
function openChart(name, { hint, tools, draw, opened }) {
  for (const figure of document.querySelectorAll(`figure[data-chart="${name}"]`)) {
    const canvas = canvasIn(figure, hint, tools);
    const chart = echarts.init(canvas);
    const redraw = () => draw(chart);
    opened(chart, redraw);
    follow(redraw);
    drawn.push(redraw);
    new ResizeObserver(() => requestAnimationFrame(() => chart.resize())).observe(canvas);
  }
}

// The caption goes above the chart, and the still figure below it is folded.
function canvasIn(figure, hint, tools) {
  const caption = figure.querySelector("figcaption");
  const canvas = make("div", { className: "canvas", role: "img" });
  const still = figure.querySelector(".plate");
  canvas.setAttribute("aria-label", still?.querySelector("img").alt ?? caption.textContent.trim());
  figure.classList.add("chart");
  foldStill(figure);
  caption.append(hint);
  const name = caption.querySelector("b").textContent;
  const room = make("div", { className: "room", tabIndex: 0, role: "group", "aria-label": name }, canvas);
  caption.after(make("div", { className: "tools" }, ...tools), room);
  return canvas;
}

// The still figure is folded, with the words that are its own.
function foldStill(figure) {
  const [still, caption] = [figure.querySelector(".plate"), figure.querySelector("figcaption")];
  const words = caption.querySelector("span:last-child");
  if (still) {
    const folded = make("details", { className: "still" }, make("summary", {}, "Still figure"));
    still.replaceWith(folded);
    folded.append(still, make("p", { className: "quiet" }, words.textContent));
  }
  words.remove();
  figure.classList.add("folded");
  figure.prepend(caption);
}

// What was drawn before is replaced; how far the reader has zoomed in is kept.
function setOption(chart, option) {
  chart.setOption({ ...base(), ...option }, { replaceMerge: ["series", "xAxis", "yAxis"] });
}

function base() {
  const { ink, line, paper } = colours();
  return {
    animation: false,
    textStyle: { color: ink, fontFamily: getComputedStyle(document.body).fontFamily },
    tooltip: { confine: true, backgroundColor: paper, borderColor: line, textStyle: { color: ink } },
  };
}

function axis(name, more) {
  const { ink, quiet, line } = colours();
  return {
    name,
    nameLocation: "middle",
    nameTextStyle: { color: ink },
    axisLabel: { color: quiet, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: quiet } },
    splitLine: { lineStyle: { color: line } },
    ...more,
  };
}

function symbolOf(arm) {
  return `path://${MARKS[shown.arms[arm].marker]}`;
}

function trainingText({ arm, number, seed }) {
  const repeat = seed === null ? `trial ${number}` : `trial ${number} again, seed ${seed}`;
  return `${shown.arms[arm].title}, ${repeat}`;
}

// A title, and lines of a term and a value; text only, whatever a run is called.
function tip(title, lines) {
  const rows = lines.map(([term, value]) => make("div", {}, make("span", {}, term), make("b", {}, value)));
  return make("div", { className: "tip" }, make("strong", {}, title), ...rows);
}

function redrawInOtherColours() {
  dark.addEventListener("change", () => {
    for (const draw of drawn) draw();
  });
}
