// The page that shows the API: Swagger UI, with this site's token against forged requests on whatever changes something.
"use strict";

const place = document.getElementById("api");

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // or the schema would be sent to another host
  requestInterceptor: (request) => {
    if (request.method && request.method !== "GET" && new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRFToken"] = cookie("csrftoken");
    }
    return request;
  },
});
