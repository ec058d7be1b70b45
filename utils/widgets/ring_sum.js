// The figure in which chunks go round from rank to rank, until every rank has the sum.

const [SIZE, NODE, NAME] = [400, 0.74, 0.4]; // pixels of the ring's side; a circle around chunks of side 1, room for its name
const PACE = 900; // milliseconds from step to step while playing
const bits = (number) => [...number.toString(2)].filter((bit) => bit === "1").length;
const rounded = (x) => String(Number(x.toPrecision(3)));
const many = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

/** A run as the kernel has it, with what it shows after a step. */
function after(run, step) {
  const at = Math.min(step, run.held.length - 1);
  const transfers = run.transfers.filter(([round]) => round === at);
  const complete = run.held[at].map((chunks) => chunks.filter((parts) => bits(parts) === chunks.length).length);
  return { at, transfers, complete, chunks: run.held[at], before: run.held[Math.max(0, at - 1)], copies: run.busiest[at] / run.size };
}

function drawArrow(ring, [x, y], [u, v], gap, colour) {
  const length = Math.hypot(u - x, v - y) - 2 * gap;
  const turned = `translate(${x}, ${y}) rotate(${(Math.atan2(v - y, u - x) * 180) / Math.PI})`;
  const d = `M${gap} 6h${length}m-8 -5l8 5l-8 5`; // 6 pixels aside, so that two ways do not lie on each other
  svg("path", { d, transform: turned, class: "arrow", stroke: colour }, ring);
}

/** Rank 0 stands at the top, the others follow clockwise; in each circle a row for every chunk. */
function drawRing(ring, { chunks, before, transfers }, colours) {
  const ranks = chunks.length;
  const radius = 1 / Math.sin(Math.PI / ranks);
  const unit = Math.min(76, SIZE / 2 / (radius + NODE + NAME)); // pixels
  const turns = chunks.map((_, rank) => (2 * Math.PI * rank) / ranks);
  const place = (far, turn) => [SIZE / 2 + unit * far * Math.sin(turn), SIZE / 2 - unit * far * Math.cos(turn)];
  const centres = turns.map((turn) => place(radius, turn));
  const cell = unit / ranks;
  ring.replaceChildren();
  centres.forEach(([x, y], rank) => {
    svg("circle", { cx: x, cy: y, r: unit * NODE, stroke: colours[rank], class: "node" }, ring);
    const [across, up] = place(radius + NODE + NAME / 2, turns[rank]);
    svg("text", { x: across, y: up, class: "name" }, ring, rank);
    chunks[rank].forEach((parts, chunk) => {
      const row = svg("g", { transform: `translate(${x - unit / 2}, ${y - unit / 2 + cell * chunk})`, class: "chunk" }, ring);
      for (let part = 0; part < ranks; part++) {
        const fill = (parts >> part) & 1 ? colours[part] : "none";
        svg("rect", { x: cell * part, width: cell, height: 0.84 * cell, fill, class: "part" }, row);
      }
      if (parts !== before[rank][chunk]) svg("rect", { x: -1, y: -1, width: unit + 2, height: 0.84 * cell + 2, class: "new" }, row);
    });
  });
  for (const [, source, target] of transfers) {
    drawArrow(ring, centres[source], centres[target], unit * NODE + 3, colours[source]);
  }
}

function drawBars(parent, ways) {
  html("div", "title", parent, "sent by the busiest rank, in copies of x");
  const table = html("div", "bars", parent);
  return ways.map((way) => {
    const name = html("span", "way", table, way);
    const bar = html("span", "bar", html("span", "track", table));
    return { name, bar, number: html("span", "number", table) };
  });
}

function render({ model, el }) {
  const [sizes, ways, runs, colours] = ["sizes", "ways", "runs", "colours"].map((name) => model.get(name));
  const run = (way) => runs[ways.indexOf(way)][sizes.indexOf(model.get("ranks"))];
  const last = () => run(model.get("way")).held.length - 1;
  el.classList.add("ring-sum");
  const ring = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, width: SIZE, class: "ring", role: "img" }, el);
  const side = html("div", "side", el);
  html("p", "", side, "Each circle is a rank, and holds a row for every chunk of x. A row has a part for every rank, coloured when that rank’s numbers are in the chunk.");
  const choices = html("div", "choices", side);
  const pickers = [picker(model, choices, "ranks", "ranks", sizes), picker(model, choices, "way", "way", ways)];
  const { show, halt } = player(model, side, { name: "step", label: "step", last, pace: PACE });
  const reading = html("div", "reading", side);
  const bars = drawBars(side, ways);
  const say = announcer(el);

  function redraw() {
    const [step, shown] = [model.get("step"), model.get("way")];
    const now = after(run(shown), step);
    drawRing(ring, now, colours);
    const [ranks, complete] = [now.chunks.length, now.complete.reduce((sum, count) => sum + count)];
    const part = new Set(now.transfers.map(([, , , bytes]) => bytes / run(shown).size));
    const sent = now.at ? `: ${many(now.transfers.length, "message")} of ${[...part].map(rounded).join(" or ")} x` : "";
    reading.textContent = `step ${now.at} of ${last()}${sent}. ${many(complete, "chunk")} of ${ranks * ranks} complete.`;
    const each = now.complete.map((count, rank) => `rank ${rank} ${count}`).join(", ");
    ring.setAttribute("aria-label", `${ranks} ranks, ${shown}, ${reading.textContent} Complete chunks: ${each}.`);
    const states = ways.map((way) => after(run(way), step));
    const most = Math.max(...ways.map((way) => run(way).busiest.at(-1) / run(way).size));
    bars.forEach(({ name, bar, number }, w) => {
      name.classList.toggle("shown", ways[w] === shown);
      bar.style.width = `${(100 * states[w].copies) / most}%`;
      number.textContent = rounded(states[w].copies);
    });
    show(reading.textContent);
    pickers.forEach((mark) => mark());
    say(`${reading.textContent} Copies sent: ${ways.map((way, w) => `${way} ${rounded(states[w].copies)}`).join(", ")}`);
  }
  const end = redrawn(model, ["ranks", "way", "step"], redraw);
  return () => {
    halt();
    end();
  };
}
