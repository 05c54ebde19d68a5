// Learning curves: any column that was logged, smoothed, of some trainings over each other.
const MOST_IN_TIP = 12;

function openCurves() {
  const columns = [...new Set([...shown.metrics, ...shown.curves.flatMap((curve) => Object.keys(curve.values))])];
  const view = { column: null, scope: "first", smooth: 0 };
  let redraw = () => {};
  const change = (key) => (value) => {
    view[key] = value;
    redraw();
  };
  const [columnLabel, columnSelect] = makeSelect("Show", columns.map((name) => [name, name]), change("column"));
  const scopes = [["first", "the first trial of each arm"], ["repeats", "and its repeats"], ["all", "all trials"]];
  const [scopeLabel] = makeSelect("of", scopes, change("scope"));
  const slider = make("input", { type: "range", min: 0, max: 0.95, step: 0.05, value: 0 });
  slider.addEventListener("input", () => change("smooth")(Number(slider.value)));
  let followed = null;
  openChart("curves", {
    hint: "After each epoch, on validation. Click a line to highlight its arm.",
    tools: [columnLabel, scopeLabel, make("label", {}, "smooth ", slider)],
    draw: (chart) => {
      if (followed !== chosen.metric) view.column = columnSelect.value = followed = chosen.metric;
      setOption(chart, curvesOption(view));
    },
    opened: (chart, draw) => {
      redraw = draw;
      chart.on("click", ({ seriesId }) => toggleArm(shown.trainings[parseInt(seriesId)].arm));
    },
  });
}

function curvesOption({ column, scope, smooth }) {
  const curves = shown.curves.filter(({ training, values }) => column in values && inScope(shown.trainings[training], scope));
  const many = curves.length > MOST_IN_TIP;
  const series = curves.flatMap((curve) => {
    const raw = curve.epochs.map((epoch, at) => [epoch, curve.values[column][at]]);
    const line = lineOf(curve, many);
    if (!smooth) return [{ ...line, data: raw }];
    const behind = { ...line, id: `${line.id} raw`, silent: true, symbol: "none", tooltip: { show: false } };
    const lineStyle = { ...line.lineStyle, opacity: line.lineStyle.opacity * 0.25 };
    return [{ ...line, data: smoothed(raw, smooth) }, { ...behind, lineStyle, data: raw }];
  });
  const trigger = many ? { trigger: "item", formatter: oneTip(column) } : { trigger: "axis", formatter: allTip(column) };
  return {
    tooltip: { ...base().tooltip, ...trigger },
    grid: { left: 64, right: 16, top: 12, bottom: 44 },
    xAxis: axis("epoch", { type: "value", nameGap: 26, minInterval: 1, min: "dataMin", max: "dataMax" }),
    yAxis: axis(column, { type: "value", nameGap: 46, scale: true }),
    series,
  };
}

function inScope(training, scope) {
  if (isHidden(training.arm)) return false;
  if (scope === "all") return training.seed === null;
  return training.first || (scope === "repeats" && training.seed !== null);
}

function lineOf(curve, many) {
  const { arm, first } = shown.trainings[curve.training];
  const faint = isFaint(arm);
  const thin = many && !first && !chosen.arms.has(arm);
  return {
    id: `${curve.training}`,
    name: trainingText(shown.trainings[curve.training]),
    type: "line",
    triggerLineEvent: true,
    symbol: symbolOf(arm),
    symbolSize: 7,
    showAllSymbol: "auto",
    z: faint ? 1 : 3,
    itemStyle: { color: colourOf(arm), opacity: faint ? 0.1 : 1 },
    lineStyle: {
      color: colourOf(arm),
      type: shown.arms[arm].dashes.length ? shown.arms[arm].dashes.map((dash) => 2 * dash) : "solid",
      width: thin ? 1 : 2,
      opacity: faint ? 0.1 : thin ? 0.5 : 1,
    },
    emphasis: { lineStyle: { width: 3 } },
  };
}

// An exponential mean; each value is divided by the sum of its weights, so that it starts unbiased.
function smoothed(points, weight) {
  let [mean, sum] = [0, 0];
  return points.map(([epoch, value]) => {
    if (value === null) return [epoch, null];
    mean = weight * mean + (1 - weight) * value;
    sum = weight * sum + 1 - weight;
    return [epoch, mean / sum];
  });
}

function oneTip(column) {
  return ({ seriesName, value }) => tip(seriesName, [["epoch", value[0]], [column, scoreText(value[1])]]);
}

function allTip(column) {
  return (points) => {
    const own = points.filter(({ seriesId }) => !seriesId.endsWith(" raw") && !isFaint(shown.trainings[parseInt(seriesId)].arm));
    own.sort((one, other) => other.value[1] - one.value[1]);
    return tip(`${column}, epoch ${points[0].value[0]}`, own.map(({ seriesName, value }) => [seriesName, scoreText(value[1])]));
  };
}
