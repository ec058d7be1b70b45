// The wall: the exercise where most are, large; the others beside it. Arrow keys or a click choose another one.

import { $, count, list, listen, make, mistake, say, show, write } from "./common.js";

const here = location.href.replace(/[?#].*/, "").replace(/\/$/, "");
let chosen = null;
let seen = null;
let shown = null;

const large = () => seen.exercises.find((each) => each.name === (chosen ?? seen.current)) ?? seen.exercises[0];

function line(item) {
  const button = make("button");
  button.type = "button";
  button.append(make("span", "name", item.title), make("span", "bar"), make("span", "numbers"));
  button.querySelector(".bar").append(make("i", "passed"), make("i", "failed"));
  button.addEventListener("click", () => choose(item.name));
  const child = make("li");
  child.append(button);
  return child;
}

function changeLine(child, item) {
  const all = Math.max(1, item.passed + item.failed + item.open);
  child.querySelector("i.passed").style.width = `${(100 * item.passed) / all}%`;
  child.querySelector("i.failed").style.width = `${(100 * item.failed) / all}%`;
  write(child.querySelector(".numbers"), `${item.passed} ✓  ${item.failed} ✗  ${item.open} ○`);
  child.querySelector("button").ariaCurrent = item === large() ? "true" : null;
}

function changeMistake(child, item) {
  write(child.querySelector("b"), `${item.made}`);
  say(child.querySelector("ul"), large().say);
}

function draw() {
  const it = large();
  write($("title"), it.title);
  $("signs").hidden = false;
  for (const sign of ["passed", "failed", "open"]) write($(sign), `${it[sign]}`);
  show($("stuck"), it.stuck ? `${it.stuck} on the same ✗ for over five minutes` : "");
  list($("mistakes"), it.mistakes, mistake, changeMistake);
  list($("exercises"), seen.exercises, line, changeLine);
  if (it.name !== shown) document.querySelector("[aria-current]").scrollIntoView({ block: "nearest" });
  shown = it.name;
  show($("moments"), seen.moments ? count(seen.moments, "needs a moment", "need a moment") : "");
  write($("there"), `${seen.there} there`);
  $("follow").hidden = chosen === null;
}

function choose(name) {
  chosen = name;
  draw();
}

$("follow").addEventListener("click", () => choose(null));
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (event.key === "Escape" && seen) choose(null);
  if (!step || !seen) return;
  event.preventDefault();
  const next = seen.exercises[seen.exercises.indexOf(large()) + step];
  if (next) choose(next.name);
});
write($("join"), `from utils import workshop; workshop.join("${here}")`);
listen(`${here}/standing`, {}, (told) => {
  seen = told;
  draw();
});
