// The frame slider: a range that moves the radio buttons, which are what the form sends.
for (const field of document.querySelectorAll("[data-slider]")) {
  const radios = [...field.querySelectorAll("input[type=radio]")];
  const slider = field.querySelector(".slider");
  const range = slider.querySelector("input");
  const output = slider.querySelector("output");
  const marks = [...slider.querySelectorAll(".stops span")];
  const meanings = [...field.querySelectorAll(".choice-words")].map((part) => part.textContent);
  const meaning = field.querySelector(".slider-words");
  let stops = radios; // those that the chosen detector has
  let told = null; // what each means for it, by number; null: as the page has it
  const show = () => {
    const radio = stops[range.value];
    const words = radio.closest(".choice").dataset.words;
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
    meaning.textContent = told?.[radio.value] ?? meanings[radios.indexOf(radio)];
  };
  const offer = (frames) => {
    told = frames;
    stops = frames ? radios.filter((radio) => radio.value in frames) : radios;
    for (const [at, mark] of marks.entries()) mark.hidden = !stops.includes(radios[at]);
    const wanted = radios.find((radio) => radio.checked)?.value ?? stops[0].value;
    const off = (radio) => Math.abs(radio.value - wanted);
    const nearest = stops.reduce((best, radio) => (off(radio) < off(best) ? radio : best));
    nearest.checked = true;
    range.max = stops.length - 1;
    range.disabled = stops.length < 2;
    range.value = stops.indexOf(nearest);
    show();
  };
  range.addEventListener("input", () => {
    stops[range.value].checked = true;
    show();
  });
  field.addEventListener("offer", (event) => offer(event.detail)); // of detector.js and team.js
  offer(null);
  field.querySelector(".choices").hidden = true;
  slider.hidden = false;
  meaning.hidden = false;
}
