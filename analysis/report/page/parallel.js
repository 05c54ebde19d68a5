// Parallel coordinates: a line a trial; where an axis is brushed, only the lines through it remain,
// and only their rows in the table of trials.
function openParallel() {
  const trials = shown.trainings.map((training, at) => ({ ...training, at })).filter(({ seed }) => seed === null);
  let rows = [];
  let brushing = false;
  openChart("parallel", {
    hint: "A line a trial. Drag along an axis to brush it: the table of trials keeps those rows; click the axis to end it.",
    tools: [brushedText()],
    draw: (chart) => {
      if (brushing) return;
      rows = trials.filter((trial) => !isHidden(trial.arm) && trial.scores[chosen.metric] !== null);
      // Where nothing is brushed any more, the marks of the brush go as well.
      chart.setOption({ ...base(), ...parallelOption(rows) }, { notMerge: chosen.trainings === null });
    },
    opened: (chart) =>
      chart.on("axisareaselected", () => {
        brushing = true;
        choose(() => (chosen.trainings = brushedIn(chart, rows)));
        brushing = false;
      }),
  });
}

// The trials that are brushed; null without a brush.
function brushedIn(chart, rows) {
  const [series] = chart.getModel().getSeries();
  if (series.getRawIndicesByActiveState("normal").length === rows.length) return null;
  return new Set(series.getRawIndicesByActiveState("active").map((at) => rows[at].at));
}

function brushedText() {
  const text = make("output", {});
  follow(() => (text.textContent = chosen.trainings ? `brushed: ${chosen.trainings.size}` : ""));
  return text;
}

function dimensionsOf(rows) {
  const factors = shown.factors.map((factor) => {
    const value = ({ arm }) => shown.arms[arm].levels[factor];
    return { name: factor, type: "category", data: [...new Set(rows.map(value))], value };
  });
  const searched = shown.axes.map(({ name, log, choices }) => {
    const value = ({ values }) => (choices && values[name] !== null ? String(values[name]) : values[name]);
    return { name, value, ...(choices ? { type: "category", data: choices } : { type: log ? "log" : "value", scale: true }) };
  });
  const trained = { name: "trained", type: "value", value: ({ reached }) => reached };
  const score = { name: chosen.metric, type: "value", scale: true, value: ({ scores }) => scores[chosen.metric] };
  const lengths = new Set(rows.map(({ reached }) => reached));
  return [
    ...factors.filter(({ data }) => data.length > 1),
    ...searched,
    ...(lengths.size > 1 ? [trained] : []),
    score,
  ];
}

function parallelOption(rows) {
  const { ink, quiet, paper } = colours();
  const dimensions = dimensionsOf(rows);
  const parallelAxis = dimensions.map(({ value, ...dimension }, dim) => ({
    ...dimension,
    dim,
    nameTextStyle: { color: ink, fontWeight: "bold" },
    axisLabel: { color: ink, formatter: dimension.type === "category" ? folded : numberText, lineHeight: 13, textBorderColor: paper, textBorderWidth: 4 },
    axisLine: { lineStyle: { color: quiet } },
    axisTick: { lineStyle: { color: quiet } },
  }));
  return {
    tooltip: { ...base().tooltip, formatter: ({ data }) => trialTip(data.trial, dimensions) },
    parallel: { left: 48, right: 120, top: 36, bottom: 16, parallelAxisDefault: { areaSelectStyle: { width: 18 } } },
    parallelAxis,
    series: [
      {
        id: "trials",
        type: "parallel",
        inactiveOpacity: 0.05,
        activeOpacity: 1,
        data: rows.map((trial) => ({
          value: dimensions.map(({ value }) => value(trial) ?? "-"),
          trial,
          lineStyle: styleOf(trial.arm, rows.length),
        })),
      },
    ],
  };
}

// Many lines let each other through.
function styleOf(arm, lines) {
  const opacity = lines > 100 ? 0.3 : 0.85;
  const style = { color: colourOf(arm), width: 1.5, opacity };
  if (chosen.arms.has(arm)) return { ...style, width: 2.5, opacity: Math.max(opacity, 0.6) };
  return isFaint(arm) ? { ...style, opacity: opacity / 10 } : style;
}

// Lines of some letters, broken after the separators of a name.
function folded(name) {
  const lines = [""];
  for (const part of name.match(/[^\s_./-]*[\s_./-]*/g)) {
    if (lines.at(-1) && (lines.at(-1) + part).length > 18) lines.push("");
    lines[lines.length - 1] += part;
  }
  return lines.join("\n");
}

function trialTip(trial, dimensions) {
  const text = (value) => (typeof value === "number" ? numberText(value) : (value ?? "–"));
  return tip(trainingText(trial), dimensions.map(({ name, value }) => [name, text(value(trial))]));
}
