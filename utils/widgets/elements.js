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

/** A Play button and a slider, by which the model's number `name` goes from 0 to `last()`, `pace` milliseconds from one
 * to the next; where a reader asks for no motion, by `stride` with each press. The kernel is told when a move, or Play,
 * ends. `show(text)` draws the slider as the model has it, `halt()` ends what plays. */
function player(model, parent, { name, label, last, pace, stride = 1 }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const play = still ? "Step" : "Play";
  const controls = html("div", "step-player", parent);
  const button = html("button", "play", controls, play);
  const slider = html("input", "slider", controls);
  Object.assign(slider, { type: "range", min: 0, step: 1 });
  slider.setAttribute("aria-label", label);
  [button, slider].forEach(keepsKeys);
  let playing = null;
  function stop() {
    clearInterval(playing);
    playing = null;
    button.textContent = play;
    model.save_changes();
  }
  function advance(by = 1) {
    model.set(name, Math.min(last(), model.get(name) + by));
    if (still || model.get(name) === last()) stop();
  }
  button.addEventListener("click", () => {
    if (playing) return stop();
    if (model.get(name) >= last()) model.set(name, 0);
    if (still) return advance(stride);
    playing = setInterval(advance, pace);
    button.textContent = "Pause";
  });
  slider.addEventListener("input", () => {
    if (playing) stop();
    model.set(name, Number(slider.value));
  });
  slider.addEventListener("change", () => model.save_changes());
  function show(text) {
    slider.max = last();
    slider.value = model.get(name);
    slider.setAttribute("aria-valuetext", text);
  }
  return { show, halt: () => clearInterval(playing) };
}

/** A choice of the model's `name` among options, where there is one. `show()` draws it as the model has it. */
function picker(model, parent, name, label, options) {
  if (options.length < 2) return () => {};
  const choice = html("label", "step-picker", parent, label);
  const select = html("select", "", choice);
  select.setAttribute("aria-label", label);
  for (const option of options) html("option", "", select, option);
  keepsKeys(select);
  select.addEventListener("change", () => {
    model.set(name, options[select.selectedIndex]);
    model.save_changes();
  });
  return () => (select.selectedIndex = options.indexOf(model.get(name)));
}

/** Calls redraw now and when one of the names changes; returns what ends that. */
function redrawn(model, names, redraw) {
  for (const name of names) model.on(`change:${name}`, redraw);
  redraw();
  return () => names.forEach((name) => model.off(`change:${name}`, redraw));
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
