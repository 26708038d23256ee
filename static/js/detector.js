// Of the numbers of frames, only those are offered that the chosen detector was made for.
for (const part of document.querySelectorAll("[data-detectors]")) {
  const { form } = part.querySelector("input, select");
  const known = JSON.parse(part.dataset.detectors);
  const { team, frame_count: count } = form.elements;
  const offer = () => {
    const usual = team ? JSON.parse(team.dataset.usual)[team.value] : "";
    const frames = known[form.elements.detector.value || usual] ?? known[""];
    const slider = form.querySelector("[data-slider]");
    if (slider) slider.dispatchEvent(new CustomEvent("offer", { detail: frames }));
    if (count.tagName !== "SELECT") return;
    for (const option of count.options) option.disabled = option.hidden = !(option.value in frames);
    const free = [...count.options].filter((option) => !option.disabled);
    const off = (option) => Math.abs(option.value - count.value);
    if (count.selectedOptions[0]?.disabled) {
      count.value = free.reduce((best, option) => (off(option) < off(best) ? option : best)).value;
    }
  };
  form.addEventListener("change", (event) => {
    if (["detector", "team"].includes(event.target.name)) offer();
  });
  offer();
}
