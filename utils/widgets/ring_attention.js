// The figure in which ranks compute their rows of a causal attention while keys go round, or wait for the others.

const [SIDE, STRIP, PAD] = [330, 8, 40]; // pixels of the matrix, of the strips that say whose it is, of the room for both and names
const [WIDE, BAR, FLOOR] = [360, 20, 24]; // of the schedule: its width, a rank's height, room for words below
const PACE = 1200; // milliseconds from step to step while playing
const busiest = (pairs) => Math.max(...pairs);
const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const ideal = (run) => total(run.pairs.flat()) / run.owners.length;
const lockstep = (run) => total(run.pairs.map(busiest));
let figures = 0; // so that each has patterns of its own

/** Rows are queries, columns keys; the mask is a flight of stairs. */
function drawMatrix(matrix, { stretches, owners }, step, colours, mask) {
  const length = total(stretches.flat().map(([, many]) => many));
  const unit = SIDE / length;
  matrix.replaceChildren();
  svg("path", { d: `M0 0v${unit}${`h${unit}v${unit}`.repeat(length - 1)}h${unit}V${SIDE}H0Z` }, svg("clipPath", { id: mask }, matrix));
  svg("text", { x: PAD + SIDE / 2, y: 11, class: "axis" }, matrix, "keys, and their ranks");
  svg("text", { transform: `translate(11, ${PAD + SIDE / 2}) rotate(-90)`, class: "axis" }, matrix, "queries, and their ranks");
  stretches.forEach((mine, rank) => {
    for (const [first, many] of mine) {
      const [start, extent] = [PAD + unit * first, unit * many];
      svg("rect", { x: PAD - STRIP - 2, y: start, width: STRIP, height: extent, fill: colours[rank] }, matrix);
      svg("rect", { x: start, y: PAD - STRIP - 2, width: extent, height: STRIP, fill: colours[rank] }, matrix);
      if (extent < 12) continue;
      svg("text", { x: PAD - STRIP - 9, y: start + extent / 2, class: "name" }, matrix, rank);
      svg("text", { x: start + extent / 2, y: PAD - STRIP - 9, class: "name" }, matrix, rank);
    }
  });
  const seen = svg("g", { transform: `translate(${PAD}, ${PAD})` }, matrix);
  const masked = svg("g", { "clip-path": `url(#${mask})` }, seen);
  owners.forEach((has, rank) => has.slice(0, step + 1).forEach((owner, k) => {
    const cells = stretches[rank].flatMap(([i, high]) => stretches[owner].map(([j, wide]) =>
      `M${unit * j} ${unit * i}h${unit * wide}v${unit * high}h${-unit * wide}Z`));
    svg("path", { d: cells.join(""), fill: colours[rank], class: k === step ? "block now" : "block" }, masked);
  }));
  svg("path", { d: `M0 0h${SIDE}v${SIDE}H0ZL${SIDE} ${SIDE}`, class: "frame" }, seen);
}

/** A round lasts as long as its busiest rank; who has less is idle, which is hatched. */
function drawSchedule(schedule, run, step, longest, colours, hatch) {
  const [left, high, across] = [PAD, BAR * run.owners.length, (WIDE - PAD - 8) / longest];
  schedule.replaceChildren();
  schedule.setAttribute("viewBox", `0 0 ${WIDE} ${high + FLOOR}`);
  const pattern = svg("pattern", { id: hatch, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, schedule);
  svg("path", { d: "M0 0V6", class: "hatch" }, pattern);
  run.owners.forEach((_, rank) => {
    svg("rect", { x: left - STRIP - 4, y: BAR * rank + 2, width: STRIP, height: BAR - 4, fill: colours[rank] }, schedule);
    svg("text", { x: left - STRIP - 12, y: BAR * (rank + 0.5), class: "name" }, schedule, rank);
  });
  let start = left;
  run.pairs.forEach((pairs, k) => {
    const wide = across * busiest(pairs);
    if (k <= step) pairs.forEach((count, rank) => {
      const [y, height, kind] = [BAR * rank + 2, BAR - 4, k === step ? "block now" : "block"];
      svg("rect", { x: start, y, width: across * count, height, fill: colours[rank], class: kind }, schedule);
      svg("rect", { x: start + across * count, y, width: wide - across * count, height, fill: `url(#${hatch})`, class: "idle" }, schedule);
    });
    svg("path", { d: `M${start} 0V${high}H${start + wide}V0`, class: "frame" }, schedule);
    start += wide;
  });
  svg("path", { d: `M${left + across * ideal(run)} 0V${high + 6}`, class: "ideal" }, schedule);
  svg("text", { x: left + across * ideal(run), y: high + 17, class: "axis" }, schedule, "ideal: equal shares");
}

function render({ model, el }) {
  const [sizes, orders, runs, colours] = ["sizes", "orders", "runs", "colours"].map((name) => model.get(name));
  const run = (order) => runs[orders.indexOf(order)][sizes.indexOf(model.get("ranks"))];
  const last = () => run(model.get("order")).pairs.length - 1;
  const own = `ring-attention-${(figures += 1)}-${Math.random().toString(36).slice(2)}`;
  el.classList.add("ring-attention");
  const matrix = svg("svg", { viewBox: `0 0 ${PAD + SIDE + 2} ${PAD + SIDE + 2}`, width: PAD + SIDE + 2, class: "matrix", role: "img" }, el);
  const side = html("div", "side", el);
  html("p", "", side, "A rank computes the rows of its queries, each time with the keys that have just come to it: bright in this step, faint before.");
  const choices = html("div", "choices", side);
  const pickers = [picker(model, choices, "ranks", "ranks", sizes), picker(model, choices, "order", "order", orders)];
  const { show, halt } = player(model, side, { name: "step", label: "step", last, pace: PACE });
  const reading = html("div", "reading", side);
  html("div", "title", side, "who computes when; hatched: idle");
  const schedule = svg("svg", { width: WIDE, class: "schedule", role: "img" }, side);
  const sums = html("div", "sums", side);
  const say = announcer(el);

  function redraw() {
    const order = model.get("order");
    const now = run(order);
    const step = Math.min(model.get("step"), last());
    drawMatrix(matrix, now, step, colours, `${own}-mask`);
    drawSchedule(schedule, now, step, Math.max(...orders.map((each) => lockstep(run(each)))), colours, `${own}-hatch`);
    const pairs = now.pairs[step];
    const shares = pairs.map((count, rank) => `rank ${rank} ${Math.round((100 * count) / busiest(pairs))} %`);
    const idle = pairs.flatMap((count, rank) => (count ? [] : [rank]));
    const who = idle.length ? `idle: ${idle.length > 1 ? "ranks" : "rank"} ${idle.join(", ")}` : "nobody is idle";
    reading.textContent = `step ${step + 1} of ${now.pairs.length}: the busiest computes ${busiest(pairs)} pairs; ${who}.`;
    matrix.setAttribute("aria-label", `Attention matrix, ${order}, ${reading.textContent}`);
    schedule.setAttribute("aria-label", `Pairs in this step against the busiest: ${shares.join(", ")}`);
    const times = orders.map((each) => `${each} ${(lockstep(run(each)) / ideal(run(each))).toFixed(2)}`);
    sums.textContent = `Pairs in lockstep, over the ideal: ${times.join(", ")}.`;
    show(reading.textContent);
    pickers.forEach((mark) => mark());
    say(`${reading.textContent} ${sums.textContent}`);
  }
  const end = redrawn(model, ["ranks", "order", "step"], redraw);
  return () => {
    halt();
    end();
  };
}
