// The figure in which pointing at a target word shows where it looked.

const CELL = 22; // pixels of a cell's side
const SLANT = 60; // degrees by which the columns' words are turned
const FONT = "13px sans-serif";
const PROMPT = "Point at a target word, or move through them with the arrow keys.";

function drawChips(parent, title, words) {
  html("span", "title", parent, title);
  const row = html("div", "chips", parent);
  return { row, chips: words.map((word) => html("span", "chip", row, word)) };
}

function widest(words) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT;
  return words.reduce((width, word) => Math.max(width, pen.measureText(word).width), 0);
}

function drawHeatmap(parent, source, target, weights) {
  const [left, turned, slope] = [widest(target) + 14, widest(source) + 8, (SLANT * Math.PI) / 180];
  const top = turned * Math.sin(slope) + 10;
  const wide = left + CELL * source.length;
  const size = [wide + turned * Math.cos(slope), top + CELL * target.length + 2];
  const map = svg("svg", { viewBox: `0 0 ${size.join(" ")}`, width: size[0], class: "heatmap", role: "img" }, parent);
  map.setAttribute("aria-label", "Heatmap of the weights: a row for each target word, a column for each source word.");
  source.forEach((word, j) => {
    svg("text", { transform: `translate(${left + CELL * (j + 0.6)}, ${top - 6}) rotate(${-SLANT})` }, map, word);
  });
  return target.map((word, i) => {
    const row = svg("g", { class: "row", transform: `translate(0, ${top + CELL * i})` }, map);
    svg("rect", { width: wide, height: CELL, class: "reach" }, row);
    svg("text", { x: left - 8, y: CELL / 2, class: "word" }, row, word);
    weights[i].forEach((weight, j) => {
      svg("rect", { x: left + CELL * j, width: CELL, height: CELL, class: "cell", "fill-opacity": weight }, row);
    });
    svg("rect", { x: left, y: 1, width: wide - left, height: CELL - 2, class: "frame" }, row);
    return row;
  });
}

function render({ model, el }) {
  const [source, target, weights] = ["source", "target", "weights"].map((name) => model.get(name));
  el.classList.add("alignment");
  const sentences = html("div", "sentences", el);
  const asked = drawChips(sentences, "source", source);
  const { row: list, chips } = drawChips(sentences, "target", target);
  const line = html("div", "reading", el);
  line.setAttribute("aria-live", "polite");
  const rows = drawHeatmap(el, source, target, weights);
  const scale = html("div", "scale", el, "weight 0");
  html("span", "ramp", scale);
  scale.append("1");
  const { select, mark } = chooser(model, list, chips, "target words: choose one to see where it looked");
  rows.forEach((row, i) => pointed(row, i, select));

  function redraw() {
    const selected = model.get("selected");
    mark();
    rows.forEach((row, i) => row.classList.toggle("lit", i === selected));
    asked.chips.forEach((chip, j) => chip.style.setProperty("--weight", weights[selected]?.[j] ?? 0));
    const looked = selected < 0 ? "" : topThree(weights[selected], (j) => source[j]);
    line.textContent = selected < 0 ? PROMPT : `“${target[selected]}” looked at: ${looked}`;
  }
  model.on("change:selected", redraw);
  redraw();
  return () => model.off("change:selected", redraw);
}
