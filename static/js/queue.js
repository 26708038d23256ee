// Several files at once: one upload after the other, each with its own progress and its own scan.
window.uploadQueue = (form, problem, full, megabytes) => {
  const section = form.querySelector(".queue");
  const list = section.querySelector("ol");
  const stop = section.querySelector("[data-stop-all]");
  const status = form.querySelector("[data-announce]");
  let current = null;
  let stopped = false;

  const row = (file) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const state = document.createElement("span");
    const bar = document.createElement("progress");
    item.className = "queued";
    name.className = "queued-name";
    state.className = "queued-state num";
    name.dir = "auto";
    name.textContent = file.name;
    state.textContent = form.dataset.waiting;
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    item.append(name, state, bar);
    list.append(item);
    const end = (kind) => {
      item.classList.add(kind);
      bar.hidden = true;
    };
    return {
      progress(loaded, total) {
        bar.value = (loaded / total) * 100;
        state.textContent =
          loaded < total
            ? form.dataset.progress.replace("DONE", megabytes(loaded)).replace("TOTAL", megabytes(total))
            : form.dataset.checking;
      },
      refused(text) {
        state.textContent = text;
        end("queued-refused");
      },
      accepted(url) {
        const link = document.createElement("a");
        link.href = url;
        link.textContent = form.dataset.accepted;
        link.setAttribute("aria-label", form.dataset.open.replace("NAME", () => file.name));
        state.replaceChildren(link);
        end("queued-accepted");
      },
    };
  };

  const words = (request) => {
    if (request.status === 413 && !request.responseText.includes("error")) return form.dataset.tooLarge;
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const said = [...answer.querySelectorAll(".error")].map((part) => part.textContent).join(" ");
    return said || form.dataset.failed;
  };

  const send = (file, data, shown) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      current = request;
      data.set("video", file);
      request.open("POST", form.action);
      request.setRequestHeader("HX-Request", "true");
      request.upload.addEventListener("progress", (event) => shown.progress(event.loaded, event.total));
      request.addEventListener("load", () => {
        const url = request.getResponseHeader("HX-Redirect");
        if (url) shown.accepted(url);
        else shown.refused(words(request));
        resolve(Boolean(url));
      });
      request.addEventListener("error", () => resolve(shown.refused(form.dataset.lost)));
      request.addEventListener("abort", () => resolve(shown.refused(form.dataset.stopped)));
      request.send(data);
    });

  stop.addEventListener("click", () => {
    stopped = true;
    current?.abort();
  });

  return async (files) => {
    stopped = false;
    list.replaceChildren();
    section.hidden = false;
    stop.hidden = false;
    const data = new FormData(form);
    const rows = files.map(row);
    let accepted = 0;
    for (const [at, file] of files.entries()) {
      const text = stopped ? form.dataset.stopped : problem(file) || (await full());
      if (text) rows[at].refused(text);
      else if (await send(file, data, rows[at])) accepted += 1;
    }
    stop.hidden = true;
    status.textContent = form.dataset.finished.replace("COUNT", accepted).replace("TOTAL", files.length);
  };
};
