// The figure in which pointing at a target word shows where it looked.

const CELL = 22; // pixels of a cell's side
const SLANT = 60; // degrees by which the columns' words are turned
const FONT = "13px sans-serif";
const PROMPT = "Point at a target word, or move through them with the arrow keys.";

function svg(name, attributes, parent, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return parent.appendChild(element);
}

function html(name, className, parent, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return parent.appendChild(element);
}

/** The line of text: the three largest weights of a target word, without those under 0.01. */
export function reading(word, source, weights) {
  const looked = weights.map((weight, j) => ({ weight, word: source[j] })).filter(({ weight }) => weight >= 0.01);
  const top = looked.sort((a, b) => b.weight - a.weight).slice(0, 3);
  return `“${word}” looked at: ${top.map(({ weight, word }) => `${word} ${weight.toFixed(2)}`).join(", ") || "nothing"}`;
}

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
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "horizontal");
  list.setAttribute("aria-label", "target words: choose one to see where it looked");

  function redraw() {
    const selected = model.get("selected");
    chips.forEach((chip, i) => {
      chip.setAttribute("aria-selected", i === selected);
      chip.tabIndex = i === Math.max(0, selected) ? 0 : -1; // Tab reaches one of them, the arrow keys the others
      rows[i].classList.toggle("lit", i === selected);
    });
    asked.chips.forEach((chip, j) => chip.style.setProperty("--weight", weights[selected]?.[j] ?? 0));
    line.textContent = selected < 0 ? PROMPT : reading(target[selected], source, weights[selected]);
  }

  function select(i) {
    if (i === model.get("selected")) return;
    model.set("selected", i);
    model.save_changes();
  }
  chips.forEach((chip, i) => {
    chip.setAttribute("role", "option");
    chip.dataset.lmSuppressShortcuts = "true"; // its arrow keys are not the notebook's
    for (const place of [chip, rows[i]]) {
      place.addEventListener("pointermove", () => select(i)); // not pointerenter: a page that scrolls under a resting mouse points at nothing
      place.addEventListener("pointerdown", () => select(i));
    }
    chip.addEventListener("focus", () => select(i));
    chip.addEventListener("keydown", (event) => {
      const [before, after, end] = [i - 1, i + 1, target.length - 1];
      const to = { ArrowLeft: before, ArrowUp: before, ArrowRight: after, ArrowDown: after, Home: 0, End: end }[event.key];
      if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      chips[Math.max(0, Math.min(end, to))].focus();
    });
  });
  model.on("change:selected", redraw);
  redraw();
  return () => model.off("change:selected", redraw);
}

export default { render };
