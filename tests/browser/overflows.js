// What sticks out of a page, in words: the page itself; a box with words that is narrower than they are; anything
// beyond the page's edges. A drawing may be drawn past its own edge, and what scrolls may be as wide as it likes.
() => {
  const root = document.documentElement;
  const found = [];
  const told = (element, why) =>
    found.push(`${why}: <${element.tagName} ${element.getAttribute("class")}> ${element.textContent.trim().slice(0, 60)}`);
  const beyond = (element) => {
    const { left, right, width } = element.getBoundingClientRect();
    if (width && (left < -1 || right > root.clientWidth + 1)) told(element, `from ${left} to ${right}`);
  };
  if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} wide`);
  const boxes = "a, button, th, td, dt, dd, label, legend, summary, h1, h2, h3, p, li, .badge, figcaption, output";
  for (const element of document.body.querySelectorAll(boxes)) {
    if (!element.checkVisibility() || element.closest(".scroll, .visually-hidden, #api, pre, .skip")) continue;
    const hasWords = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const { clientWidth, scrollWidth } = element;
    if (hasWords && clientWidth && scrollWidth > clientWidth + 1) told(element, `${scrollWidth} in ${clientWidth}`);
    beyond(element);
  }
  document.querySelectorAll("main svg text").forEach(beyond);
  return found;
}
