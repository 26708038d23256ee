// Says each new stage once; the polled part itself is no live region, or it would be read out every second.
const region = document.getElementById("announce");
const announce = () => {
  const words = document.getElementById("progress")?.dataset.announce ?? "";
  if (region && region.textContent !== words) region.textContent = words;
};
document.addEventListener("htmx:afterSettle", announce);
announce();
