// The figure in which pointing at a token shows where each head looked.

const PROMPT = "Point at a token, or move through them with the arrow keys.";
const VISIBLE = { " ": "·", "\n": "⏎", "\t": "⇥" }; // what else would not be seen

const visible = (token) => [...token].map((letter) => VISIBLE[letter] ?? letter).join("");

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
  el.setAttribute("aria-live", "polite");
  const { mark } = chooser(model, list, chips, "tokens: choose one to see where each head looked");

  function redraw() {
    const selected = model.get("selected");
    mark();
    line.textContent = selected < 0 ? PROMPT : `${visible(tokens[selected])} (${selected}) looks`;
    heads.forEach((head, h) => {
      const row = weights[h][selected];
      head.chips.forEach((chip, j) => chip.style.setProperty("--weight", row?.[j] ?? 0));
      head.line.textContent = row ? `at ${topThree(row, (j) => `${visible(tokens[j])} (${j})`)}` : "";
    });
  }
  model.on("change:selected", redraw);
  redraw();
  return () => model.off("change:selected", redraw);
}
