// Keys of the review desk. In the queue: j and k go down and up, o opens (so does Enter, as on every link).
// On a scan: d goes to the decision, n to the note, u back to the queue. What is typed into a field stays there.
const rows = [...document.querySelectorAll("[data-queue-rows] .row-link")];
const form = document.querySelector("[data-decide]");

const go = (step) => {
  const here = rows.indexOf(document.activeElement);
  const next = rows[Math.min(rows.length - 1, Math.max(0, here + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
};
const enter = (field) => {
  field?.scrollIntoView({ block: "center" });
  field?.focus();
};
const keys = {
  j: () => go(1),
  k: () => go(-1),
  o: () => rows.includes(document.activeElement) && document.activeElement.click(),
  d: () => enter(form?.querySelector("input[name=decision]:checked") ?? form?.querySelector("input[name=decision]")),
  n: () => enter(form?.querySelector("textarea")),
  u: () => document.querySelector("[data-queue]")?.click(),
};

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input:not([type=radio]), textarea, select, [contenteditable]");
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
