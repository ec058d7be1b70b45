// The figure in which a slider changes what bars show. The kernel is told when a move ends.

const [BAR, GAP, HIGH] = [34, 10, 150]; // pixels of a bar's width, of the space between two, of the height 1
const PAD = { left: 48, top: 18, bottom: 24 };

function drawPanel(parent, title, bars, ylabel, level) {
  const wide = PAD.left + GAP + bars.length * (BAR + GAP);
  const floor = PAD.top + HIGH;
  const panel = html("div", "panel", parent);
  html("div", "title", panel, title);
  const picture = svg("svg", { viewBox: `0 0 ${wide} ${floor + PAD.bottom}`, width: wide, role: "img" }, panel);
  for (const tick of [0, 0.5, 1]) {
    svg("text", { x: PAD.left - 6, y: floor - HIGH * tick, class: "tick" }, picture, tick);
  }
  svg("text", { transform: `translate(11, ${PAD.top + HIGH / 2}) rotate(-90)`, class: "label" }, picture, ylabel);
  svg("path", { d: `M${PAD.left} ${PAD.top}V${floor}H${wide}`, class: "axes" }, picture);
  const columns = bars.map((label, j) => {
    const x = PAD.left + GAP + j * (BAR + GAP);
    svg("text", { x: x + BAR / 2, y: floor + 15, class: "label" }, picture, label);
    const number = svg("text", { x: x + BAR / 2, class: "number" }, picture);
    return { bar: svg("rect", { x, width: BAR, class: "bar" }, picture), number };
  });
  if (level !== null) svg("path", { d: `M${PAD.left} ${floor - HIGH * level}H${wide}`, class: "level" }, picture);
  return (heights, when) => {
    const said = `${title}, ${when}: ${bars.map((bar, j) => `${bar} ${short(heights[j])}`).join(", ")}`;
    columns.forEach(({ bar, number }, j) => {
      bar.setAttribute("y", floor - HIGH * heights[j]);
      bar.setAttribute("height", HIGH * heights[j]);
      number.setAttribute("y", floor - HIGH * heights[j] - 5);
      number.textContent = short(heights[j]);
    });
    picture.setAttribute("aria-label", said);
    return said;
  };
}

function render({ model, el }) {
  const [steps, bars, titles, heights] = ["steps", "bars", "titles", "heights"].map((name) => model.get(name));
  el.classList.add("slider-bars");
  const controls = html("div", "controls", el);
  const slider = html("input", "slider", controls);
  Object.assign(slider, { type: "range", min: 0, max: steps.length - 1, step: 1 });
  slider.setAttribute("aria-label", model.get("name"));
  keepsKeys(slider);
  const say = announcer(el);
  const reading = html("div", "reading", controls);
  const row = html("div", "panels", el);
  const panels = titles.map((title) => drawPanel(row, title, bars, model.get("ylabel"), model.get("level")));

  function redraw() {
    const record = model.get("record");
    say(panels.map((show, p) => show(heights[p][record], steps[record])).join(". "));
    reading.textContent = steps[record];
    slider.setAttribute("aria-valuetext", steps[record]);
    slider.value = record;
  }
  slider.addEventListener("input", () => model.set("record", Number(slider.value)));
  slider.addEventListener("change", () => model.save_changes());
  model.on("change:record", redraw);
  redraw();
  return () => model.off("change:record", redraw);
}
