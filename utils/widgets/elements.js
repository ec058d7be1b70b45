// What the figures share. A widget's script is this file and its own, one after the other (see assets.py).

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

/** A weight in few letters: two digits, and no .00 for what is not zero. */
const short = (weight) => (weight > 0 && weight < 0.005 ? "<.01" : weight.toFixed(2).replace(/^0/, ""));

/** Keys pressed here are the figure's and not the notebook's, but for Escape, which goes back to the notebook, and for
 * those that run a cell, which go back and run it. */
function keepsKeys(place) {
  place.dataset.lmSuppressShortcuts = "true";
  place.addEventListener("keydown", (event) => {
    const runs = event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey);
    if (event.key !== "Escape" && !runs) return;
    const notebook = place.parentElement.closest("[tabindex]");
    place.blur();
    notebook?.focus();
    if (runs) notebook?.dispatchEvent(new KeyboardEvent("keydown", event));
  });
}

/** say(text) is read out to whoever is in the figure and has paused there; it is not seen. */
function announcer(figure) {
  const line = html("div", "said", figure);
  line.style.cssText = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)";
  line.setAttribute("aria-live", "polite");
  let pause;
  return (text) => {
    clearTimeout(pause);
    pause = setTimeout(() => figure.contains(document.activeElement) && (line.textContent = text), 400);
  };
}

/** The three largest weights of a row, without those under 0.01; `name(j)` says what stands in column j. */
function topThree(weights, name) {
  const looked = weights.map((weight, j) => ({ weight, j })).filter(({ weight }) => weight >= 0.01);
  const top = looked.sort((a, b) => b.weight - a.weight).slice(0, 3);
  return top.map(({ weight, j }) => `${name(j)} ${short(weight)}`).join(", ") || "nothing";
}

/** Calls select(i) when the mouse points at a place or presses it. */
function pointed(place, i, select) {
  place.addEventListener("pointermove", () => select(i)); // not pointerenter: a page that scrolls under a resting mouse points at nothing
  place.addEventListener("pointerdown", () => select(i));
}

/** Makes a row of chips a list from which the model's `selected` is chosen, by the mouse, Tab or the arrow keys.
 * `select(i)` chooses one, `mark()` shows which is chosen. */
function chooser(model, list, chips, label) {
  function select(i) {
    if (i === model.get("selected")) return;
    model.set("selected", i);
    model.save_changes();
  }
  function mark() {
    const selected = model.get("selected");
    chips.forEach((chip, i) => {
      chip.setAttribute("aria-selected", i === selected);
      chip.tabIndex = i === Math.max(0, selected) ? 0 : -1; // Tab reaches one of them, the arrow keys the others
    });
  }
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "horizontal");
  list.setAttribute("aria-label", label);
  chips.forEach((chip, i) => {
    chip.setAttribute("role", "option");
    keepsKeys(chip);
    pointed(chip, i, select);
    chip.addEventListener("focus", () => select(i));
    chip.addEventListener("keydown", (event) => {
      const [before, after, end] = [i - 1, i + 1, chips.length - 1];
      const to = { ArrowLeft: before, ArrowUp: before, ArrowRight: after, ArrowDown: after, Home: 0, End: end }[event.key];
      if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      chips[Math.max(0, Math.min(end, to))].focus();
    });
  });
  return { select, mark };
}
