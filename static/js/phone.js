// Installs the service worker, and puts files that another program shared into the upload form.
{
  const form = document.querySelector("form.upload");
  const workers = navigator.serviceWorker;

  if (workers) {
    workers.register("/sw.js").catch(() => {}); // as where the page is left meanwhile: the next one tries again
    if (form && new URLSearchParams(location.search).has("shared")) {
      const input = form.querySelector("input[type=file]");
      workers.ready.then(({ active }) => {
        const channel = new MessageChannel();
        channel.port1.addEventListener("message", ({ data: files }) => {
          if (!files.length) return;
          const chosen = new DataTransfer();
          for (const file of files) chosen.items.add(file);
          input.files = chosen.files;
          input.dispatchEvent(new Event("change", { bubbles: true }));
          document.querySelector("[data-share-lost]")?.remove();
        });
        channel.port1.start();
        active.postMessage("shared", [channel.port2]);
      });
    }
  }
}
