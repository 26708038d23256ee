// Records some seconds of the camera and puts them into the upload form, as if the file had been chosen.
{
  const camera = document.querySelector(".camera");
  const input = document.querySelector("form.upload input[type=file]");

  if (camera && input) {
    const part = (name) => camera.querySelector(`[data-camera=${name}]`);
    const live = camera.querySelector(".camera-live");
    const played = camera.querySelector(".camera-played");
    const words = camera.querySelector(".camera-words");
    const error = camera.querySelector(".camera-error");
    const [shortest, longest] = [Number(camera.dataset.shortest), Number(camera.dataset.longest)];
    const types = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
    let facing = "user";
    let stream = null;
    let recorder = null;
    let clock = 0;

    const show = (...names) => {
      for (const button of camera.querySelectorAll("[data-camera]")) {
        button.hidden = !names.includes(button.dataset.camera);
      }
    };
    const say = (text, isError = false) => {
      words.textContent = isError ? "" : text;
      error.textContent = isError ? text : "";
      error.hidden = !(isError && text);
    };
    const off = () => {
      for (const track of stream ? stream.getTracks() : []) track.stop();
      stream = null;
      live.srcObject = null;
      live.hidden = true;
    };
    const reason = ({ name }) =>
      ({
        NotAllowedError: camera.dataset.denied,
        SecurityError: camera.dataset.denied,
        NotFoundError: camera.dataset.missing,
        OverconstrainedError: camera.dataset.missing,
        NotReadableError: camera.dataset.inUse,
      })[name] || camera.dataset.failed.replace("NAME", name);

    const open = async () => {
      off();
      say("");
      try {
        // Without sound: it is not looked at, and a microphone is one question more.
        stream = await navigator.mediaDevices.getUserMedia({
          audio: false,
          video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } },
        });
      } catch (problem) {
        say(reason(problem), true);
        show("open");
        return;
      }
      const devices = await navigator.mediaDevices.enumerateDevices();
      const several = devices.filter((device) => device.kind === "videoinput").length > 1;
      played.hidden = true;
      live.srcObject = stream;
      live.hidden = false;
      await live.play().catch(() => {}); // another camera was asked for meanwhile
      show("start", "close", ...(several ? ["turn"] : []));
      part("start").focus();
    };

    const done = (blob) => {
      const ending = blob.type.includes("mp4") ? "mp4" : "webm";
      const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
      const chosen = new DataTransfer();
      chosen.items.add(new File([blob], `recording-${stamp}.${ending}`, { type: blob.type }));
      input.files = chosen.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      if (played.src) URL.revokeObjectURL(played.src);
      played.src = URL.createObjectURL(blob);
      played.hidden = false;
      off();
      say(camera.dataset.recorded);
      show("open");
    };

    const record = () => {
      const mimeType = types.find((type) => MediaRecorder.isTypeSupported(type));
      const pieces = [];
      recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: 6_000_000 });
      recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
      recorder.addEventListener("stop", () => {
        clearInterval(clock);
        done(new Blob(pieces, { type: recorder.mimeType.split(";")[0] }));
      });
      recorder.start();
      const began = performance.now();
      const tick = () => {
        const seconds = Math.floor((performance.now() - began) / 1000);
        const text = seconds < shortest ? camera.dataset.short : camera.dataset.recording;
        words.textContent = text.replace("DONE", seconds).replace("LONGEST", longest).replace("SHORTEST", shortest);
        part("stop").disabled = seconds < shortest;
        if (seconds >= longest && recorder.state === "recording") recorder.stop();
      };
      show("stop");
      tick();
      clock = setInterval(tick, 250);
    };

    camera.hidden = false;
    part("open").addEventListener("click", open);
    part("start").addEventListener("click", record);
    part("stop").addEventListener("click", () => recorder.stop());
    part("turn").addEventListener("click", () => {
      facing = facing === "user" ? "environment" : "user";
      open();
    });
    part("close").addEventListener("click", () => {
      off();
      say("");
      show("open");
    });
    camera.addEventListener("toggle", () => {
      if (!camera.open && recorder?.state !== "recording") {
        off();
        show("open");
      }
    });
    window.addEventListener("pagehide", off);
    if (!window.isSecureContext) {
      say(camera.dataset.insecure, true);
      show();
    } else if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
      say(camera.dataset.unable, true);
      show();
    }
  }
}
