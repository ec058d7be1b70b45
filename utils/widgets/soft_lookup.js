// The figure in which the query follows the mouse. Everything is computed here: the kernel is told when a move ends.

const REACH = 1.6; // the plane shows -REACH … REACH
const SIZE = 320; // pixels of its side
const STEP = 0.05; // an arrow key's step; with Shift four times as far

const toPixels = ([x, y]) => [((x + REACH) / (2 * REACH)) * SIZE, ((REACH - y) / (2 * REACH)) * SIZE];
const toPlane = (x, y) => [(x / SIZE) * 2 * REACH - REACH, REACH - (y / SIZE) * 2 * REACH].map(clamp);
const clamp = (x) => Math.max(-REACH, Math.min(REACH, x));
const rgb = (colour) => `rgb(${colour.map((c) => Math.round(255 * Math.max(0, Math.min(1, c)))).join(", ")})`;

function lookup(query, places, colours, temperature) {
  const scores = places.map((place) => (place[0] * query[0] + place[1] * query[1]) / temperature);
  const largest = Math.max(...scores);
  const exps = scores.map((score) => Math.exp(score - largest));
  const sum = exps.reduce((a, b) => a + b);
  const weights = exps.map((e) => e / sum);
  const blend = [0, 1, 2].map((c) => weights.reduce((total, weight, j) => total + weight * colours[j][c], 0));
  return { weights, blend };
}

function drawPlane(parent, words, places, colours) {
  const plane = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "plane", tabindex: 0, role: "application" }, parent);
  plane.setAttribute("aria-label", "Keys in the plane. Drag the query, or move it with the arrow keys; Escape leaves.");
  const lines = places.map((place) => {
    const [x, y] = toPixels(place);
    return svg("line", { x1: x, y1: y, class: "match" }, plane);
  });
  places.forEach((place, j) => {
    const [x, y] = toPixels(place);
    svg("circle", { cx: x, cy: y, r: 10, fill: rgb(colours[j]), class: "key" }, plane);
    const [right, up] = place.map((part) => part / (Math.hypot(...place) || 1)); // words lie outwards, off the lines
    const anchor = right > 0.4 ? "start" : right < -0.4 ? "end" : "middle";
    svg("text", { x: x + 15 * right, y: y - 15 * up + 4, class: "word", style: `text-anchor: ${anchor}` }, plane, words[j]);
  });
  const handle = svg("g", { class: "query" }, plane);
  svg("circle", { r: 15, class: "grip" }, handle);
  svg("circle", { r: 9, class: "dot" }, handle);
  svg("text", { y: 27, class: "word" }, handle).textContent = "query";
  return { plane, lines, handle };
}

function drawBars(parent, words, colours) {
  const table = html("div", "bars", parent);
  return words.map((word, j) => {
    html("span", "name", table, word);
    const bar = html("span", "bar", html("span", "track", table));
    bar.style.background = rgb(colours[j]);
    return { bar, number: html("span", "number", table) };
  });
}

function render({ model, el }) {
  const [words, places, colours] = ["words", "places", "colours"].map((name) => model.get(name));
  el.classList.add("soft-lookup");
  const top = html("div", "top", el);
  const { plane, lines, handle } = drawPlane(top, words, places, colours);
  const side = html("div", "side", top);
  html("div", "title", side, "weights");
  const bars = drawBars(side, words, colours);
  html("div", "title", side, "blended value");
  const swatch = html("div", "swatch", side);
  const label = html("label", "temperature", side);
  const reading = html("span", "reading", label);
  const slider = html("input", "slider", label);
  Object.assign(slider, { type: "range", min: -2, max: 1.5, step: 0.05 });
  [plane, slider].forEach(keepsKeys);
  const say = announcer(el);

  function redraw() {
    const query = model.get("query");
    const temperature = model.get("temperature");
    const { weights, blend } = lookup(query, places, colours, temperature);
    const [x, y] = toPixels(query);
    handle.setAttribute("transform", `translate(${x}, ${y})`);
    weights.forEach((weight, j) => {
      lines[j].setAttribute("x2", x);
      lines[j].setAttribute("y2", y);
      lines[j].style.strokeWidth = 0.5 + 9 * weight;
      bars[j].bar.style.width = `${100 * weight}%`;
      bars[j].number.textContent = short(weight);
    });
    swatch.style.background = rgb(blend);
    reading.textContent = `temperature ${Number(temperature.toPrecision(2))}`;
    slider.value = Math.log10(temperature);
    slider.setAttribute("aria-valuetext", reading.textContent);
    const place = query.map((x) => x.toFixed(2)).join(", ");
    say(`query at ${place}, ${reading.textContent}: ${topThree(weights, (j) => words[j])}`);
  }

  const moveTo = (query) => model.set("query", query.map(clamp));
  function follow(event) {
    const box = plane.getBoundingClientRect();
    moveTo(toPlane(((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE));
  }
  plane.addEventListener("pointerdown", (event) => {
    plane.setPointerCapture(event.pointerId);
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => plane.hasPointerCapture(event.pointerId) && follow(event));
  plane.addEventListener("pointerup", () => model.save_changes());
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const step = STEP * (event.shiftKey ? 4 : 1);
    moveTo(model.get("query").map((x, i) => x + step * way[i]));
  });
  plane.addEventListener("keyup", () => model.save_changes());
  slider.addEventListener("input", () => model.set("temperature", 10 ** Number(slider.value)));
  slider.addEventListener("change", () => model.save_changes());
  model.on("change:query", redraw);
  model.on("change:temperature", redraw);
  redraw();
  return () => {
    model.off("change:query", redraw);
    model.off("change:temperature", redraw);
  };
}
