// Elements from plain calls, and a page that changes only where it differs: so focus, unfolded parts and what a screen
// reader is reading stay where they are while numbers come in.

const SVG = "http://www.w3.org/2000/svg";

function make(created, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) created.setAttribute(name, value === true ? "" : value);
  }
  created.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return created;
}

export function element(tag, attributes = {}, ...children) {
  return make(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
  return make(document.createElementNS(SVG, tag), attributes, children);
}

const SHAPES = {
  good: "M5 12.5l4.5 4.5L19 7.5",
  bad: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  unknown: "M9 9.2a3 3 0 1 1 4.4 2.6c-1 .6-1.4 1.2-1.4 2.4M12 17.4v.2",
};

export function icon(kind) {
  return drawn("svg", { viewBox: "0 0 24 24", class: `icon ${kind}`, "aria-hidden": "true" },
    drawn("circle", { cx: 12, cy: 12, r: 11 }), drawn("path", { d: SHAPES[kind] }));
}

// `bar` shows a part of a whole, 0 to 1; its width is set here because the page allows no style in its text.
export function bar(part, className = "") {
  const filled = element("span", { class: "filled", "data-part": part.toFixed(4) });
  filled.style.width = `${part * 100}%`;
  return element("span", { class: `bar ${className}`, "aria-hidden": "true" }, filled);
}

export function patchChildren(old, fresh) {
  const before = [...old.childNodes];
  fresh.forEach((node, index) => {
    if (index >= before.length) old.append(node);
    else patch(before[index], node);
  });
  for (const left of before.slice(fresh.length)) left.remove();
}

function patch(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
  } else if (old.nodeType === Node.TEXT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
  } else {
    patchAttributes(old, fresh);
    if (!old.hasAttribute("data-own")) patchChildren(old, [...fresh.childNodes]); // else somebody else fills it
  }
}

function patchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name); // whoever unfolds a part keeps it so
  }
  for (const { name, value } of fresh.attributes) {
    if (name === "style") old.style.cssText = fresh.style.cssText;
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
