// What both pages do: ask every other second, and change what is there without making it anew.

export const $ = (id) => document.getElementById(id);

export function make(name, className = "", text = "") {
  const element = document.createElement(name);
  element.className = className;
  if (text) write(element, text);
  return element;
}

// Words in which `code` stands between backticks; never HTML.
export function write(element, text) {
  if (element.dataset.words === text) return;
  element.dataset.words = text;
  element.replaceChildren(
    ...text.split("`").map((piece, i) => {
      if (i % 2 === 0) return document.createTextNode(piece);
      const code = document.createElement("code");
      code.textContent = piece;
      return code;
    }),
  );
}

export function show(element, text) {
  write(element, text);
  element.hidden = text === "";
}

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

// One child for each item, by its name: those that stay are changed in place, so that what is open stays open.
export function list(parent, items, born, changed) {
  const old = new Map([...parent.children].map((child) => [child.dataset.name, child]));
  const children = items.map((item) => {
    const child = old.get(item.name) ?? born(item);
    child.dataset.name = item.name;
    changed(child, item);
    return child;
  });
  const same = children.length === parent.children.length && children.every((child, i) => child === parent.children[i]);
  if (!same) parent.replaceChildren(...children);
}

// A mistake: how many made it, its sentence, and what to say about it when it is opened.
export function mistake(item) {
  const details = make("details", "mistake");
  const summary = make("summary");
  summary.append(make("b"), make("span", "sentence", item.sentence), make("span", "quiet"));
  details.append(summary, make("ul", "say"));
  return details;
}

export function say(parent, points) {
  const told = points.length ? points : ["Its chapter's page says nothing of it."];
  list(parent, told.map((point) => ({ name: point })), (item) => make("li", "", item.name), () => {});
}

// Asks at once and every two seconds, until there is nothing more to hear: an answer is handed on, else it is said.
export async function listen(address, headers, heard) {
  for (let over = false; !over; ) {
    const [answer, told] = await fetch(address, { headers, cache: "no-store" })
      .then(async (answer) => [answer, await answer.json()])
      .catch(() => [null, null]);
    if (answer?.ok) heard(told);
    const silent = "The board does not answer. This is what it said last.";
    write($("said"), answer === null ? silent : answer.ok ? "" : `The board says: ${told.refused}.`);
    over = answer?.status === 410;
    await new Promise((done) => setTimeout(done, 2000));
  }
}
