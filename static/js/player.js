// Marks and times move the video; the timeline shows where it stands; arrow keys walk along the marks.
const player = document.getElementById("player");
const timeline = document.querySelector(".timeline");

if (player) {
  let show = (time) => {
    player.currentTime = time;
    player.scrollIntoView({ block: "nearest" });
  };
  const point = (time) => {
    if (!timeline) return;
    const x = `${Math.min(100, (time / Number(timeline.dataset.duration)) * 100)}%`;
    timeline.classList.add("playing");
    for (const head of timeline.querySelectorAll(".playhead")) {
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-time]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(Number(link.dataset.time));
  });
  player.addEventListener("timeupdate", () => point(player.currentTime));

  // A format that this browser cannot play: the pictures of the faces stand for the video.
  const giveUp = () => {
    const stills = document.querySelector("[data-stills]");
    const thumbs = [...document.querySelectorAll(".thumb a[data-time]")];
    for (const part of document.querySelectorAll("[data-playable]")) part.hidden = true;
    for (const part of document.querySelectorAll("[data-unplayable]")) part.hidden = false;
    if (!stills || !thumbs.length) return;
    player.closest(".stage-box").hidden = true;
    stills.hidden = false;
    const draw = (time) => {
      const seen = thumbs.filter((thumb) => Number(thumb.dataset.time) === time);
      stills.replaceChildren(
        ...seen.map((thumb) => {
          const figure = document.createElement("figure");
          const [picture, caption] = ["img", "figcaption"].map((name) => document.createElement(name));
          const shown = thumb.querySelector("img");
          picture.src = shown.src;
          picture.alt = "";
          caption.className = "num";
          caption.textContent = `${shown.alt} · ${thumb.querySelector("b").textContent}`;
          figure.append(picture, caption);
          return figure;
        }),
      );
      point(time);
    };
    draw(Number(thumbs[0].dataset.time));
    show = (time) => {
      draw(time);
      stills.scrollIntoView({ block: "nearest" });
    };
  };
  if (player.error) giveUp();
  player.addEventListener("error", giveUp);
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
