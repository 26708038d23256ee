// The frame slider: a range that moves the radio buttons, which are what the form sends.
for (const field of document.querySelectorAll("[data-slider]")) {
  const radios = [...field.querySelectorAll("input[type=radio]")];
  const slider = field.querySelector(".slider");
  const range = slider.querySelector("input");
  const output = slider.querySelector("output");
  const meanings = [...field.querySelectorAll(".choice-words")].map((part) => part.textContent);
  const meaning = field.querySelector(".slider-words");
  const show = () => {
    const words = radios[range.value].closest(".choice").dataset.words;
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
    meaning.textContent = meanings[range.value];
  };
  range.max = radios.length - 1;
  range.value = Math.max(0, radios.findIndex((radio) => radio.checked));
  range.addEventListener("input", () => {
    radios[range.value].checked = true;
    show();
  });
  show();
  field.querySelector(".choices").hidden = true;
  slider.hidden = false;
  meaning.hidden = false;
}
