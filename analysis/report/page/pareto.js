// Quality against cost: any metric against any cost, and the arms that no other one beats in both.
function openPareto() {
  const costs = Object.entries(shown.costs);
  if (!costs.length) return;
  const view = { cost: costs[0][0], metric: null };
  let redraw = () => {};
  const [costLabel] = makeSelect("Cost", costs, (cost) => {
    view.cost = cost;
    redraw();
  });
  const options = shown.metrics.map((metric) => [metric, metric]);
  const [metricLabel, metricSelect] = makeSelect("Quality", options, (metric) => {
    view.metric = metric;
    redraw();
  });
  let followed = null;
  openChart("pareto", {
    hint: "Filled, and on the line: arms that no other one beats in one without losing in the other. Bars: one standard deviation over repeats.",
    tools: [metricLabel, costLabel],
    draw: (chart) => {
      if (followed !== chosen.metric) view.metric = metricSelect.value = followed = chosen.metric;
      setOption(chart, paretoOption(view));
    },
    opened: (chart, draw) => {
      redraw = draw;
      chart.on("click", ({ seriesId }) => seriesId.startsWith("arm") && toggleArm(Number(seriesId.slice(3))));
    },
  });
}

function paretoOption({ cost, metric }) {
  const points = (shown.points[metric][cost] ?? []).filter(({ arm }) => !isHidden(arm));
  const values = points.map((point) => point.cost);
  const log = Math.min(...values) > 0 && Math.max(...values) > 10 * Math.min(...values);
  const front = points.filter((point) => point.front).map((point) => [point.cost, point.score]);
  const { quiet } = colours();
  return {
    tooltip: { ...base().tooltip, trigger: "item", formatter: ({ data }) => data.point && pointTip(data.point, cost, metric) },
    grid: { left: 64, right: 24, top: 12, bottom: 44 },
    xAxis: axis(shown.costs[cost], { type: log ? "log" : "value", nameGap: 26, scale: true }),
    yAxis: axis(`${metric} (${shown.split})`, { type: "value", nameGap: 46, scale: true }),
    series: [
      { id: "front", type: "line", step: "end", symbol: "none", silent: true, data: front, lineStyle: { color: quiet, width: 1 } },
      { id: "deviations", type: "custom", silent: true, data: points.filter((point) => point.deviation !== null).map(deviationOf), renderItem: drawDeviation, encode: { x: 0, y: [1, 2] } },
      ...points.map((point) => pointSeries(point)),
    ],
  };
}

function pointSeries(point) {
  const { arm } = point;
  const { paper } = colours();
  const colour = colourOf(arm);
  return {
    id: `arm${arm}`,
    type: "scatter",
    symbol: symbolOf(arm),
    symbolSize: chosen.arms.has(arm) ? 17 : 13,
    data: [{ value: [point.cost, point.score], point }],
    itemStyle: {
      color: point.front ? colour : paper,
      borderColor: colour,
      borderWidth: 2,
      opacity: isFaint(arm) ? 0.15 : 1,
    },
  };
}

function deviationOf({ arm, cost, score, deviation }) {
  const style = { stroke: colourOf(arm), opacity: isFaint(arm) ? 0.15 : 1 };
  return { value: [cost, score - deviation, score + deviation], itemStyle: style };
}

function drawDeviation(params, api) {
  const [x, low] = api.coord([api.value(0), api.value(1)]);
  const [, high] = api.coord([api.value(0), api.value(2)]);
  return { type: "line", shape: { x1: x, x2: x, y1: low, y2: high }, style: { stroke: colours().quiet, lineWidth: 1 } };
}

function pointTip({ arm, score, deviation, cost, low, high, front }, name, metric) {
  const lines = [[`${metric} (${shown.split})`, scoreText(score)], [shown.costs[name], numberText(cost)]];
  if (low !== null) lines.push(["quartiles", `${numberText(low)} to ${numberText(high)}`]);
  if (deviation !== null) lines.push(["± over repeats", scoreText(deviation)]);
  lines.push(["on the front", front ? "yes" : "no"]);
  return tip(shown.arms[arm].title, lines);
}
