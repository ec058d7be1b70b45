// The figure in which pointing at a token shows where each head looked.

const PROMPT = "Point at a token, or move through them with the arrow keys.";
const VISIBLE = { " ": "·", "\n": "⏎", "\t": "⇥" }; // what else would not be seen

const visible = (token) => [...token].map((letter) => VISIBLE[letter] ?? letter).join("");

function html(name, className, parent, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return parent.appendChild(element);
}

/** A head's three largest weights, without those under 0.01. */
export function reading(tokens, weights) {
  const looked = weights.map((weight, j) => ({ weight, j })).filter(({ weight }) => weight >= 0.01);
  const top = looked.sort((a, b) => b.weight - a.weight).slice(0, 3);
  return top.map(({ weight, j }) => `${visible(tokens[j])} (${j}) ${weight.toFixed(2)}`).join(", ") || "nothing";
}

function drawTokens(parent, title, tokens) {
  html("span", "title", parent, title);
  const row = html("div", "tokens", parent);
  const chips = tokens.map((token) => html("span", "token", row, visible(token)));
  return { row, chips, line: html("span", "reading", parent) };
}

function render({ model, el }) {
  const [tokens, titles, weights] = ["tokens", "titles", "weights"].map((name) => model.get(name));
  el.classList.add("head-views");
  const { row: list, chips, line } = drawTokens(el, "token", tokens);
  const heads = titles.map((title) => drawTokens(el, title, tokens));
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "horizontal");
  list.setAttribute("aria-label", "tokens: choose one to see where each head looked");
  el.setAttribute("aria-live", "polite");

  function redraw() {
    const selected = model.get("selected");
    chips.forEach((chip, i) => {
      chip.setAttribute("aria-selected", i === selected);
      chip.tabIndex = i === Math.max(0, selected) ? 0 : -1; // Tab reaches one of them, the arrow keys the others
    });
    line.textContent = selected < 0 ? PROMPT : `${visible(tokens[selected])} (${selected}) looks`;
    heads.forEach((head, h) => {
      const row = weights[h][selected];
      head.chips.forEach((chip, j) => chip.style.setProperty("--weight", row?.[j] ?? 0));
      head.line.textContent = row ? `at ${reading(tokens, row)}` : "";
    });
  }

  function select(i) {
    if (i === model.get("selected")) return;
    model.set("selected", i);
    model.save_changes();
  }
  chips.forEach((chip, i) => {
    chip.setAttribute("role", "option");
    chip.dataset.lmSuppressShortcuts = "true"; // its arrow keys are not the notebook's
    chip.addEventListener("pointermove", () => select(i)); // not pointerenter: a page that scrolls under a resting mouse points at nothing
    chip.addEventListener("pointerdown", () => select(i));
    chip.addEventListener("focus", () => select(i));
    chip.addEventListener("keydown", (event) => {
      const [before, after, end] = [i - 1, i + 1, tokens.length - 1];
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
