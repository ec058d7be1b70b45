// A question with its choices. The kernel is told of each, where it can hear; once the answer is told, they are closed.

function render({ model, el }) {
  el.classList.add("question");
  const choices = html("fieldset", "choices", el);
  const asked = html("legend", "asked", choices);
  html("b", "", asked, "Predict. ");
  asked.append(model.get("question"));
  const group = `question-${Math.random()}`; // a page may hold the same question twice
  const radios = model.get("choices").map((choice, i) => {
    const label = html("label", "choice", choices);
    const radio = html("input", "", label);
    Object.assign(radio, { type: "radio", name: group });
    label.append(choice);
    keepsKeys(radio);
    radio.addEventListener("change", () => {
      model.set("chosen", i);
      model.save_changes();
    });
    return radio;
  });
  const note = html("div", "note", el);
  note.setAttribute("aria-live", "polite");

  function mark() {
    const [chosen, told] = [model.get("chosen"), model.get("told")];
    radios.forEach((radio, i) => (radio.checked = i === chosen));
    choices.disabled = told;
    if (told) note.textContent = chosen < 0 ? "Told without a prediction. Run this cell again to make one." : "";
    else if (chosen < 0) note.textContent = "";
    else if (model.get("heard")) note.textContent = model.get("note");
    else note.textContent = `No kernel hears of it from here. In a cell: predict.choose(${JSON.stringify(model.get("choices")[chosen])})`;
  }
  const events = ["chosen", "told", "note", "heard"].map((name) => `change:${name}`);
  events.forEach((event) => model.on(event, mark));
  mark();
  // the kernel draws the question anew, so that it is saved with the choice: not while the keyboard is in it
  choices.addEventListener("focusout", (event) => {
    if (choices.contains(event.relatedTarget)) return;
    model.set("left", model.get("left") + 1);
    model.save_changes();
  });
  return () => events.forEach((event) => model.off(event, mark));
}
