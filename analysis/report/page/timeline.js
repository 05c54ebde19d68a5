// What ran when: a lane a slot, a bar for each time that a trial or a repeat held it.
function openTimeline() {
  if (!shown.timelines.length) return;
  let at = 0;
  let redraw = () => {};
  const runs = shown.timelines.map(({ run }, position) => [position, shown.runs[run]]);
  const [runLabel] = makeSelect("Sweep", runs, (position) => {
    at = Number(position);
    redraw();
  });
  openChart("timeline", {
    hint: "A bar for each time that a trial, or a repeat (pale), held a slot. Drag the handles to zoom, click a bar to highlight its arm. When the initial weights were made is not on record.",
    tools: runs.length > 1 ? [runLabel] : [],
    draw: (chart) => {
      const lanes = Math.min(36 * shown.timelines[at].slots, 480);
      chart.getDom().style.height = `${lanes + 110}px`;
      setOption(chart, timelineOption(shown.timelines[at]));
    },
    opened: (chart, draw) => {
      redraw = draw;
      chart.on("click", ({ data }) => data?.span && toggleArm(shown.trainings[data.span.training].arm));
    },
  });
}

function timelineOption(timeline) {
  const [length, unit] = unitOf(timeline.seconds);
  const { line, quiet } = colours();
  const spans = timeline.spans.filter(({ training }) => !isHidden(shown.trainings[training].arm));
  const lanes = Array.from({ length: timeline.slots }, (_, lane) => String(lane + 1));
  return {
    tooltip: { ...base().tooltip, formatter: ({ data }) => data?.span && spanTip(data.span, length, unit) },
    grid: { left: 56, right: 24, top: 12, bottom: 76 },
    dataZoom: [{ type: "slider", filterMode: "weakFilter", height: 16, bottom: 10, borderColor: line, textStyle: { color: quiet }, showDataShadow: false, labelFormatter: (value) => numberText(value) }],
    xAxis: timeAxis(`${unit} since the first epoch began`, timeline.seconds / length),
    yAxis: axis("slot", { type: "category", data: lanes, inverse: true, nameGap: 34, splitLine: { show: false } }),
    series: [
      {
        id: "spans",
        type: "custom",
        renderItem: (params, api) => barOf(params, api, spans[params.dataIndex]),
        encode: { x: [1, 2], y: 0 },
        data: spans.map((span) => ({ value: [span.lane, span.start / length, span.end / length], span })),
        markLine: {
          silent: true,
          symbol: "none",
          label: { formatter: "resumed", color: quiet },
          lineStyle: { color: quiet, type: "dotted" },
          data: timeline.resumed.map((seconds) => ({ xAxis: seconds / length })),
        },
      },
    ],
  };
}

function barOf(params, api, { training }) {
  const { arm, number, seed } = shown.trainings[training];
  const [left, middle] = api.coord([api.value(1), api.value(0)]);
  const [right] = api.coord([api.value(2), api.value(0)]);
  const height = api.size([0, 1])[1] * 0.8;
  const { x, y, width, height: tall } = params.coordSys;
  const bar = { x: left, y: middle - height / 2, width: Math.max(1, right - left), height };
  const shape = echarts.graphic.clipRectByRect(bar, { x, y, width, height: tall });
  if (!shape) return null;
  const { ink, paper } = colours();
  const opacity = isFaint(arm) ? 0.1 : seed === null ? 1 : 0.55;
  const rect = { type: "rect", shape, style: { fill: colourOf(arm), stroke: paper, lineWidth: 1, opacity } };
  if (shape.width < 24 || isFaint(arm)) return rect;
  const label = { text: String(number), fill: ink, backgroundColor: paper, padding: [2, 4], borderRadius: 2 };
  return { ...rect, textContent: { style: label }, textConfig: { position: "inside" } };
}

function timeAxis(name, max) {
  const time = axis(name, { type: "value", nameGap: 26, min: 0, max });
  return { ...time, axisLabel: { ...time.axisLabel, showMaxLabel: false, formatter: numberText } };
}

function spanTip({ training, lane, start, end }, length, unit) {
  const text = (seconds) => numberText(seconds / length);
  return tip(trainingText(shown.trainings[training]), [
    ["slot", lane + 1],
    [unit, `${text(start)} to ${text(end)}`],
    ["status", shown.trainings[training].status],
  ]);
}

// The same units as in the figures.
function unitOf(seconds) {
  if (seconds >= 3 * 3600) return [3600, "hours"];
  return seconds >= 3 * 60 ? [60, "minutes"] : [1, "seconds"];
}
