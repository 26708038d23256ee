// Marks and times move the video; the timeline shows where it stands; arrow keys walk along the marks.
const player = document.getElementById("player");
const timeline = document.querySelector(".timeline");

if (player) {
  const seek = (time) => {
    player.currentTime = time;
    player.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-time]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    seek(Number(link.dataset.time));
  });
  player.addEventListener("error", () => {
    const words = document.querySelector("[data-unplayable]");
    if (words) words.hidden = false;
  });
  if (timeline) {
    const duration = Number(timeline.dataset.duration);
    const heads = timeline.querySelectorAll(".playhead");
    player.addEventListener("timeupdate", () => {
      const x = `${Math.min(100, (player.currentTime / duration) * 100)}%`;
      timeline.classList.add("playing");
      for (const head of heads) {
        head.setAttribute("x1", x);
        head.setAttribute("x2", x);
      }
    });
  }
}

for (const plot of document.querySelectorAll(".plot")) {
  const points = [...plot.querySelectorAll("a.point")];
  plot.addEventListener("keydown", (event) => {
    const at = points.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: points.length - 1 }[event.key];
    if (at < 0 || to === undefined || !points[to]) return;
    event.preventDefault();
    points[at].setAttribute("tabindex", "-1");
    points[to].setAttribute("tabindex", "0");
    points[to].focus();
  });
}
