// A folder: an empty batch is made, then its files are sent one by one, and each gets its row.
const batchForm = document.querySelector("form.batch");

if (batchForm) {
  const folder = batchForm.querySelector("#batch-folder");
  const uploading = batchForm.querySelector(".uploading");
  const bar = uploading.querySelector("progress");
  const words = uploading.querySelector(".uploading-words");
  const error = batchForm.querySelector("[data-error]");
  const submit = batchForm.querySelector("[type=submit]");

  const fail = (text) => {
    error.textContent = text;
    error.hidden = false;
    uploading.hidden = true;
    submit.disabled = false;
  };
  const post = (url, fields) => {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", batchForm.elements.csrfmiddlewaretoken.value);
    for (const [name, value] of Object.entries(fields)) {
      for (const one of [value].flat()) data.append(name, one);
    }
    return fetch(url, { method: "POST", body: data });
  };
  const send = async (files) => {
    const first = files[0].webkitRelativePath.split("/")[0];
    const made = await post(batchForm.action, {
      empty: "1",
      name: first,
      frame_count: batchForm.elements.frame_count.value,
      detector: batchForm.elements.detector?.value ?? "",
      also: [...batchForm.querySelectorAll("[name=also]:checked")].map((box) => box.value),
      team: batchForm.elements.team?.value ?? "",
    });
    if (made.status !== 201) return fail(batchForm.dataset.failed);
    const page = `${batchForm.action}${(await made.json()).batch}/`;
    bar.max = files.length;
    const lost = [];
    for (const [at, file] of files.entries()) {
      words.textContent = batchForm.dataset.progress.replace("DONE", at + 1).replace("TOTAL", files.length);
      const url = `${page}files/?name=${encodeURIComponent(file.webkitRelativePath)}`;
      const sent = await post(url, { file }).catch(() => post(url, { file }).catch(() => null)); // once more
      if (sent?.status !== 201) lost.push(file.name);
      bar.value = at + 1;
    }
    if (lost.length) fail(batchForm.dataset.lost.replace("COUNT", lost.length).replace("NAMES", () => lost.join(", ")));
    else location.assign(page);
  };

  batchForm.querySelector(".batch-folder").hidden = false;
  batchForm.addEventListener("submit", (event) => {
    const files = [...folder.files].filter((file) => !file.name.startsWith("."));
    if (!folder.files.length) return;
    event.preventDefault();
    error.hidden = true;
    if (!files.length) {
      fail(batchForm.dataset.none);
      return;
    }
    submit.disabled = true;
    uploading.hidden = false;
    send(files).catch(() => fail(batchForm.dataset.failed));
  });
}
