// The figure in which a slider over training steps moves the keys.

const SIZE = 360; // pixels of the plane's side
const CURVE = { left: 44, right: 290, top: 10, bottom: 96, height: 118 }; // the loss curve, in pixels
const PACE = 125; // milliseconds from record to record while playing
const STRIDES = 8; // where a reader asks for no motion, so many presses lead through the training

const rgb = (colour) => `rgb(${colour.map((c) => Math.round(255 * c)).join(", ")})`;
const rounded = (x) => (x > 0 && x < 0.001 ? x.toExponential(1) : String(Number(x.toPrecision(2))));
const largest = (numbers) => numbers.reduce((a, b) => Math.max(a, b));
const smallest = (numbers) => numbers.reduce((a, b) => Math.min(a, b));

/** From numbers between `from` and `to` to pixels between `first` and `last`. */
function scale(from, to, first, last) {
  return (x) => first + ((x - from) / (to - from || 1)) * (last - first);
}

function drawPlane(parent, places, contexts, targets) {
  const reach = 1.12 * largest([...places.flat(2), ...contexts.flat()].map(Math.abs).concat(1e-9)); // the same at every record
  const [across, up] = [scale(-reach, reach, 0, SIZE), scale(-reach, reach, SIZE, 0)];
  const plane = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "plane", role: "img" }, parent);
  svg("path", { d: `M0 ${SIZE / 2}H${SIZE}M${SIZE / 2} 0V${SIZE}`, class: "axes" }, plane);
  const slots = places[0].map((_, m) => ({ path: places.map((record) => [across(record[m][0]), up(record[m][1])]) }));
  for (const slot of slots) slot.trail = svg("polyline", { class: "trail" }, plane);
  contexts.forEach(([x, y], c) => svg("circle", { cx: across(x), cy: up(y), r: 11, fill: rgb(targets[c]), class: "context" }, plane));
  for (const slot of slots) slot.line = svg("line", { x1: SIZE / 2, y1: SIZE / 2, class: "direction" }, plane);
  for (const slot of slots) slot.dot = svg("circle", { r: 5.5, class: "key" }, plane);
  return { plane, slots };
}

function drawLegend(parent) {
  const legend = html("div", "legend", parent);
  for (const [kind, radius, text] of [["context", 11, "wanted: a place and its colour"], ["key", 5.5, "a slot's key and value, and its trail"]]) {
    svg("circle", { cx: 13, cy: 13, r: radius, class: kind }, svg("svg", { viewBox: "0 0 26 26", "aria-hidden": true }, legend));
    html("span", "", legend, text);
  }
}

function drawCurve(parent, steps, losses) {
  const { left, right, top, bottom, height } = CURVE;
  const heights = losses.map((loss) => Math.log10(Math.max(loss, 1e-12)));
  const [across, up] = [scale(steps[0], steps.at(-1), left, right), scale(smallest(heights), largest(heights), bottom, top)];
  const points = steps.map((step, r) => [across(step), up(heights[r])]);
  const curve = svg("svg", { viewBox: `0 0 300 ${height}`, class: "curve", role: "img" }, parent);
  curve.setAttribute("aria-label", `The loss goes from ${rounded(losses[0])} to ${rounded(losses.at(-1))}.`);
  svg("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "axes" }, curve);
  svg("text", { x: left - 6, y: top + 4, class: "end" }, curve, rounded(largest(losses)));
  svg("text", { x: left - 6, y: bottom + 4, class: "end" }, curve, rounded(smallest(losses)));
  svg("text", { x: left, y: height - 6 }, curve, `step ${steps[0]}`);
  svg("text", { x: right, y: height - 6, class: "end" }, curve, steps.at(-1));
  svg("polyline", { points: points.join(" "), class: "loss" }, curve);
  const now = svg("line", { y1: top, y2: bottom, class: "direction" }, curve);
  return { points, now, marker: svg("circle", { r: 5, class: "marker" }, curve) };
}

function render({ model, el }) {
  const [steps, places, colours, losses] = ["steps", "places", "colours", "losses"].map((name) => model.get(name));
  const last = steps.length - 1;
  el.classList.add("training-steps");
  const { plane, slots } = drawPlane(el, places, model.get("contexts"), model.get("targets"));
  const side = html("div", "side", el);
  drawLegend(side);
  html("div", "title", side, "loss (logarithmic)");
  const { points, now, marker } = drawCurve(side, steps, losses);
  const reading = html("div", "reading", side);
  const stride = Math.ceil(last / STRIDES);
  const { show, halt } = player(model, side, { name: "record", label: "training step", last: () => last, pace: PACE, stride });

  function redraw() {
    const record = model.get("record");
    slots.forEach(({ path, trail, line, dot }, m) => {
      const [x, y] = path[record];
      trail.setAttribute("points", path.slice(0, record + 1).join(" "));
      for (const [name, value] of Object.entries({ x2: x, y2: y })) line.setAttribute(name, value);
      for (const [name, value] of Object.entries({ cx: x, cy: y, fill: rgb(colours[record][m]) })) dot.setAttribute(name, value);
    });
    const [x, y] = points[record];
    for (const [name, value] of Object.entries({ x1: x, x2: x })) now.setAttribute(name, value);
    for (const [name, value] of Object.entries({ cx: x, cy: y })) marker.setAttribute(name, value);
    reading.textContent = `step ${steps[record]}, loss ${rounded(losses[record])}`;
    plane.setAttribute("aria-label", `${slots.length} keys among ${model.get("contexts").length} places at ${reading.textContent}`);
    show(reading.textContent);
  }
  const end = redrawn(model, ["record"], redraw);
  return () => {
    halt();
    end();
  };
}
