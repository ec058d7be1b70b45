// The facilitator's page. The secret comes behind the # of its address, which no server is told, and goes out of sight.

import { $, count, list, listen, make, mistake, say, write } from "./common.js";

if (location.hash.length > 1) {
  sessionStorage.setItem("secret", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
const headers = { Authorization: `Bearer ${sessionStorage.getItem("secret") ?? ""}` };

function exercise(item) {
  const section = make("section");
  section.append(make("h2", "", item.title), make("p", "numbers"), make("div", "mistakes"));
  return section;
}

function changeExercise(section, item) {
  const numbers = [`${item.passed} ✓`, `${item.failed} ✗`, `${item.open} ○`];
  if (item.minutes !== null) numbers.push(`half of those who passed took ${item.minutes} minutes or less to get there`);
  if (item.stuck.length) numbers.push(`on the same ✗ for ${item.stuck.join(", ")} minutes`);
  if (item.unnamed) numbers.push(`${item.unnamed} ✗ that no known mistake explains`);
  write(section.querySelector(".numbers"), numbers.join(" · "));
  list(section.querySelector(".mistakes"), item.mistakes, mistake, (child, each) => {
    write(child.querySelector("b"), `${each.made} ×`);
    write(child.querySelector(".quiet"), `${each.now} still there, the last came ${each.ago} minutes ago`);
    say(child.querySelector("ul"), item.say);
  });
}

const lines = (parent, words) => say(parent, words.length ? words : ["None."]);

function draw(told) {
  write($("there"), `${told.route}, code ${told.code} · ${told.there} there, ${told.joined} joined · ${count(told.posts, "sign", "signs")} taken`);
  lines($("moments"), told.moments.map((each, i) => `${i + 1}: ${each.minutes} minutes ago, ${each.exercise ? `at \`${each.exercise}\`` : "before the first check"}`));
  list($("exercises"), told.exercises, exercise, changeExercise);
  lines($("refused"), Object.entries(told.refused).map(([reason, times]) => `${times} × ${reason}`));
}

async function end() {
  $("sure").disabled = true;
  const answer = await fetch("facilitator/end", { method: "POST", headers });
  const told = await answer.json();
  write($("report"), answer.ok ? `The report: \`${told.report}\`, on the board's machine. Nothing else is kept.` : `The board says: ${told.refused}.`);
  if (!answer.ok) return;
  const link = make("a", "", "Download it");
  link.href = URL.createObjectURL(new Blob([told.page], { type: "text/html" }));
  link.download = told.report.split(/[\\/]/).pop();
  $("report").append(" ", link);
  $("sure").hidden = true;
}

$("end").addEventListener("click", () => {
  $("end").hidden = true;
  $("sure").hidden = false;
  $("sure").focus();
});
$("sure").addEventListener("click", end);
listen("facilitator/standing", headers, draw);
