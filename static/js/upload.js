// The upload form: the chosen file's name, its size against the limit, and how far the upload has come.
const form = document.querySelector("form.upload");

if (form) {
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector(".drop");
  const name = form.querySelector(".drop-name");
  const errors = form.querySelector("#video-errors");
  const uploading = form.querySelector(".uploading");
  const bar = uploading.querySelector("progress");
  const words = uploading.querySelector(".uploading-words");
  const submit = form.querySelector("[type=submit]");
  const status = form.querySelector("[data-announce]");
  // Digits as everywhere on the site, whatever a language's own are; separators as the page's language has them.
  const numbers = (options) =>
    new Intl.NumberFormat(document.documentElement.lang, { numberingSystem: "latn", ...options });
  const oneDigit = numbers({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const share = numbers({ style: "percent" });
  const megabytes = (bytes) => oneDigit.format(bytes / 1024 ** 2);
  let stopped = false;
  let announced = -1;

  const refuse = (text) => {
    const line = document.createElement("p");
    line.className = "error";
    line.textContent = text;
    errors.replaceChildren(...(text ? [line] : []));
  };
  const problem = (file = input.files[0]) => {
    if (!file) return form.dataset.none;
    if (!file.size) return form.dataset.empty;
    return file.size > Number(form.dataset.maxBytes) ? form.dataset.tooLarge : "";
  };
  const busy = (is) => {
    uploading.hidden = !is;
    submit.disabled = is;
  };

  document.documentElement.classList.add("js");
  input.addEventListener("change", () => {
    const files = [...input.files];
    const size = megabytes(files.reduce((sum, file) => sum + file.size, 0));
    const text = files.length > 1 ? form.dataset.several : form.dataset.chosen;
    name.textContent = files.length
      ? text.replace("SIZE", size).replace("COUNT", files.length).replace("NAME", () => `\u2068${files[0].name}\u2069`)
      : "";
    refuse(files.length === 1 ? problem() : "");
  });
  for (const kind of ["dragenter", "dragover"]) input.addEventListener(kind, () => drop.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) input.addEventListener(kind, () => drop.classList.remove("over"));

  // Why nothing should be sent now, in words; empty if there is room, or if the server cannot be asked.
  const full = async () => {
    try {
      return (await (await fetch(form.dataset.queue)).json()).message;
    } catch {
      return "";
    }
  };
  const sendAll = window.uploadQueue(form, problem, full, megabytes);
  form.addEventListener("htmx:confirm", (event) => {
    if (input.files.length > 1) {
      event.preventDefault();
      refuse("");
      submit.disabled = true;
      sendAll([...input.files]).finally(() => {
        submit.disabled = false;
      });
      return;
    }
    event.preventDefault();
    const text = problem();
    if (text) {
      refuse(text);
      input.focus();
    } else {
      full().then((busyWords) => (busyWords ? refuse(busyWords) : event.detail.issueRequest(true)));
    }
  });
  form.addEventListener("htmx:beforeRequest", () => {
    stopped = false;
    announced = -1;
    refuse("");
    bar.value = 0;
    busy(true);
  });
  form.addEventListener("htmx:xhr:progress", (event) => {
    if (!event.detail.lengthComputable) return;
    const { loaded, total } = event.detail;
    const percent = Math.floor((loaded / total) * 100);
    bar.value = percent;
    words.textContent =
      loaded < total
        ? form.dataset.progress.replace("DONE", megabytes(loaded)).replace("TOTAL", megabytes(total))
        : form.dataset.checking;
    if (Math.floor(percent / 25) > announced) {
      announced = Math.floor(percent / 25);
      status.textContent = loaded < total ? share.format(percent / 100) : form.dataset.checking;
    }
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Redirect")) busy(false);
  });
  form.addEventListener("htmx:sendError", () => refuse(form.dataset.lost));
  form.addEventListener("htmx:sendAbort", () => {
    busy(false);
    if (stopped) refuse(form.dataset.stopped);
  });
  form.addEventListener("htmx:responseError", (event) => {
    refuse(event.detail.xhr.status === 413 ? form.dataset.tooLarge : form.dataset.failed);
  });
  uploading.querySelector("[data-stop]").addEventListener("click", () => {
    stopped = true;
    window.htmx.trigger(form, "htmx:abort");
  });
  // Back from the scan's page: the form is as it was, but nothing is being uploaded.
  window.addEventListener("pageshow", () => busy(false));
}
