{% load static %}// Shows the offline page where there is no connection, and hands shared files to the upload form.
// Only the offline page and its style sheets are kept: nothing of a scan, no page, no picture, no video.
const OFFLINE = "{% url 'ml_app:offline' %}";
const KEPT = [OFFLINE, "{% static 'css/tokens.css' %}", "{% static 'css/site.css' %}", "{% static 'css/evidence.css' %}", "{% static 'img/mark.svg' %}"];
const CACHE = `offline-${KEPT.join()}`;
let shared = []; // until the form asks for it; never written anywhere

self.addEventListener("install", (event) => {
  self.skipWaiting();
  const fresh = KEPT.map((url) => new Request(url, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(old());
});

const receive = async (request) => {
  try {
    shared = (await request.formData()).getAll("{{ field }}");
  } catch {
    shared = [];
  }
  return Response.redirect(`{{ upload }}?{{ field }}=${shared.length}`, 303);
};

const orKept = async (request, url) => {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(url);
    if (kept) return kept;
    throw error;
  }
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.method === "POST" && pathname === "{% url 'ml_app:share' %}") {
    event.respondWith(receive(request));
  } else if (request.method === "GET" && request.mode === "navigate") {
    event.respondWith(orKept(request, OFFLINE));
  } else if (request.method === "GET" && KEPT.includes(pathname)) {
    event.respondWith(orKept(request, pathname));
  }
});

self.addEventListener("message", (event) => {
  if (event.data !== "shared") return;
  event.ports[0].postMessage(shared);
  shared = [];
});
