// Drawings from Rust, rebuilt from a short list of elements and attributes. The window assumes that any text it is
// given may be hostile: nothing is imported as it is, everything is made anew and every value is looked at.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MOST_ELEMENTS = 5_000;

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(px|%)?$/i;
const NUMBERS = /^[-+0-9eE.,\s]*$/;
const PATH = /^[-+0-9eE.,\sMmLlHhVvCcSsQqTtAaZz]*$/;
const TRANSFORM = /^((translate|rotate|scale)\([-+0-9eE.,\s]*\)\s*)*$/;
const CLASSES = /^(chart-[a-z-]+\s*)*$/;
const ANCHOR = /^(start|middle|end)$/;
const BASELINE = /^(auto|middle|central|hanging|text-before-edge|text-after-edge|alphabetic)$/;
const NONE = /^none$/;

const GEOMETRY: Record<string, RegExp> = {
  class: CLASSES,
  transform: TRANSFORM,
  fill: NONE,
  stroke: NONE,
};
const BOX = { x: NUMBER, y: NUMBER, width: NUMBER, height: NUMBER, rx: NUMBER, ry: NUMBER };
const TEXT = {
  x: NUMBERS,
  y: NUMBERS,
  dx: NUMBERS,
  dy: NUMBERS,
  "text-anchor": ANCHOR,
  "dominant-baseline": BASELINE,
};

const ELEMENTS: Record<string, Record<string, RegExp>> = {
  svg: { viewBox: NUMBERS, width: NUMBER, height: NUMBER },
  g: {},
  path: { d: PATH },
  line: { x1: NUMBER, y1: NUMBER, x2: NUMBER, y2: NUMBER },
  polyline: { points: NUMBERS },
  polygon: { points: NUMBERS },
  rect: BOX,
  circle: { cx: NUMBER, cy: NUMBER, r: NUMBER },
  ellipse: { cx: NUMBER, cy: NUMBER, rx: NUMBER, ry: NUMBER },
  text: TEXT,
  tspan: TEXT,
};

/** The drawing, rebuilt, or nothing when it is no SVG at all. What is not on the list is left out. */
export function safeDrawing(text: string): SVGSVGElement | null {
  // A document type could define entities; drawings of ours have none.
  if (/<!doctype/i.test(text)) return null;
  const found = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = found.documentElement;
  if (found.querySelector("parsererror") || root.localName !== "svg" || root.namespaceURI !== NAMESPACE) return null;
  const room = { left: MOST_ELEMENTS };
  return rebuilt(root, room) as SVGSVGElement | null;
}

function rebuilt(from: Element, room: { left: number }): SVGElement | null {
  const allowed = from.namespaceURI === NAMESPACE && Object.hasOwn(ELEMENTS, from.localName);
  if (!allowed || room.left <= 0) return null;
  room.left -= 1;
  const element = document.createElementNS(NAMESPACE, from.localName) as SVGElement;
  const attributes = { ...GEOMETRY, ...ELEMENTS[from.localName] };
  for (const { name, value } of from.attributes) {
    if (Object.hasOwn(attributes, name) && attributes[name]?.test(value)) element.setAttribute(name, value);
  }
  const hasWords = from.localName === "text" || from.localName === "tspan";
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE && hasWords) element.append(child.nodeValue ?? "");
    if (child.nodeType !== Node.ELEMENT_NODE) continue;
    const inner = rebuilt(child as Element, room);
    if (inner) element.append(inner);
  }
  return element;
}
