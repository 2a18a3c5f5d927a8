// Every text that can be seen, with the contrast of its colour on what lies behind it, as WCAG 2.2 computes it:
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio. Large text is 24 px, or 18.66 px when bold.
const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const luminance = ([red, green, blue]) => {
  const [r, g, b] = [red, green, blue].map((value) => value / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.nodeValue.trim() || !element.checkVisibility() || element.closest(".unseen, #skip, :disabled")) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const colour = channels(element instanceof SVGElement ? style.fill : style.color);
  const [light, dark] = [luminance(colour), luminance(behind(element))].sort((one, other) => other - one);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  found.push({ text: walker.currentNode.nodeValue.trim(), ratio: (light + 0.05) / (dark + 0.05), least: large ? 3 : 4.5 });
}
return found;
