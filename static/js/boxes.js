// Draws where each face was seen over the video as it plays. Between two sampled moments nothing is made up:
// the nearest box is shown for a small window of time around its moment, and none outside of it.
{
  const video = document.getElementById("player");
  const canvas = document.querySelector("svg.boxes");
  const data = document.getElementById("boxes");
  const toggle = document.getElementById("draw-boxes");

  if (video && canvas && data && toggle) {
    const { width, height, window: reach, people } = JSON.parse(data.textContent);

    const nearest = (frames, time) => {
      let best = null;
      for (const frame of frames) {
        if (!best || Math.abs(frame[0] - time) < Math.abs(best[0] - time)) best = frame;
      }
      return best && Math.abs(best[0] - time) <= reach ? best : null;
    };
    const element = (name, attributes, text = "") => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.textContent = text;
      return made;
    };
    // The size at which the picture is shown. The drawing is fitted into the player as the picture is, with the
    // same bars beside or above it, on paper too.
    const picture = () => {
      const [w, h] = [video.videoWidth || width, video.videoHeight || height];
      const scale = Math.min(video.clientWidth / w, video.clientHeight / h);
      return { w: w * scale, h: h * scale };
    };
    const box = ({ name, frames }, time, area) => {
      const frame = nearest(frames, time);
      if (!frame) return null;
      const [, left, top, right, bottom, side, score] = frame;
      const x = (left / width) * area.w;
      const y = (top / height) * area.h;
      const group = element("g", { class: `box box-${side}` });
      const size = { width: ((right - left) / width) * area.w, height: ((bottom - top) / height) * area.h };
      const words = `${name} · ${score}`;
      const labelY = y > 22 ? y - 22 : y + size.height;
      group.append(
        element("rect", { class: "box-halo", x, y, ...size }),
        element("rect", { class: "box-line", x, y, ...size }),
        element("rect", { class: "box-label", x, y: labelY, width: words.length * 7.2 + 10, height: 22 }),
        element("text", { x: x + 6, y: labelY + 16 }, words),
      );
      return group;
    };
    const draw = (time = video.currentTime) => {
      const area = picture();
      const shown = toggle.checked ? people.map((person) => box(person, time, area)).filter(Boolean) : [];
      canvas.setAttribute("viewBox", `0 0 ${area.w} ${area.h}`);
      canvas.replaceChildren(...shown);
    };

    if (video.requestVideoFrameCallback) {
      const each = (_now, frame) => {
        draw(frame.mediaTime);
        video.requestVideoFrameCallback(each);
      };
      video.requestVideoFrameCallback(each);
    } else {
      video.addEventListener("timeupdate", () => draw());
    }
    for (const kind of ["loadeddata", "seeked"]) video.addEventListener(kind, () => draw());
    toggle.addEventListener("change", () => draw());
    new ResizeObserver(() => draw()).observe(video);
    const giveUp = () => {
      canvas.remove();
      toggle.closest("label").hidden = true;
    };
    toggle.closest("label").hidden = false;
    // A format that the browser cannot play has no picture to draw on.
    if (video.error) giveUp();
    video.addEventListener("error", giveUp);
  }
}
