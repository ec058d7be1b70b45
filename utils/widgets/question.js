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
    if (chosen < 0 || told) note.textContent = "";
    else if (model.heard) note.textContent = "Noted. You may change your mind until the answer is told.";
    else note.textContent = `No kernel hears of it from here. In a cell: predict.choose("${model.get("choices")[chosen]}")`;
  }
  model.on("change:chosen", mark);
  model.on("change:told", mark);
  mark();
  return () => {
    model.off("change:chosen", mark);
    model.off("change:told", mark);
  };
}
