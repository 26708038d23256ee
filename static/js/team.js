// A team that is chosen brings its usual number of frames along.
for (const choice of document.querySelectorAll("select[data-frames]")) {
  choice.addEventListener("change", () => {
    const wanted = JSON.parse(choice.dataset.frames)[choice.value];
    const field = choice.form.elements.frame_count;
    if (!wanted || !field) return;
    field.value = wanted;
    choice.form.querySelector("[data-slider]")?.dispatchEvent(new CustomEvent("offer", { detail: null }));
  });
}
