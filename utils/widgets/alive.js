// How a figure lives in a page: from the state that came with it, and joined to the kernel's widget while there is one.

const kernels = (globalThis.kernelsFigures ??= new Map()); // from a figure's id to its widget's model

/** Called by anywidget when a kernel has a widget. Its figure may stand in the page already, or come later. */
function initialize({ model }) {
  kernels.set(model.get("_figure"), model);
  document.dispatchEvent(new Event("kernels-figure"));
}

/** A model as a widget has it, of a state that nobody else holds. */
function pageModel(state) {
  const watchers = {};
  const changed = new Set();
  return {
    changed,
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      changed.add(name);
      watchers[`change:${name}`]?.forEach((react) => react());
    },
    on: (event, react) => (watchers[event] ??= new Set()).add(react),
    off: (event, react) => watchers[event]?.delete(react),
    save_changes: () => {},
  };
}

/** Both models change with each other from now on; at first the page's follows. It knows whether it is `heard`. */
function join(page, kernel, names) {
  for (const name of names) {
    page.set(name, kernel.get(name));
    kernel.on(`change:${name}`, () => page.set(name, kernel.get(name)));
  }
  page.set("heard", true);
  kernel.on("comm_live_update", () => page.set("heard", false)); // it was restarted, or is gone
  page.save_changes = () => {
    for (const name of names) if (page.changed.has(name)) kernel.set(name, page.get(name));
    page.changed.clear();
    kernel.save_changes();
  };
}

/** Draws the figure in the place of its still, which stands before the script. */
function alive(script, id, state) {
  const [model, el] = [pageModel(state), document.createElement("div")];
  render({ model, el });
  script.parentElement.querySelector(".still").replaceWith(el);
  function follow() {
    if (!kernels.has(id)) return document.addEventListener("kernels-figure", follow, { once: true });
    join(model, kernels.get(id), Object.keys(state));
  }
  follow();
}
