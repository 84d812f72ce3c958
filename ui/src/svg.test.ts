import { describe, expect, test } from "vitest";
import { safeDrawing } from "./svg";

const svg = (inside: string, more = "") =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" ${more}>${inside}</svg>`;

describe("a drawing as Rust makes it", () => {
  test("is kept whole", () => {
    const drawing = safeDrawing(
      svg(
        '<g transform="translate(1,2)"><path d="M0 0L1.5 -2e1Z" class="chart-line"/><circle cx="1" cy="2" r="3" class="chart-dot-outage"/><text x="1" y="2" text-anchor="end" class="chart-label">84 ms &lt;b&gt;</text></g>',
      ),
    );
    expect(drawing?.querySelector("path")?.getAttribute("d")).toBe("M0 0L1.5 -2e1Z");
    expect(drawing?.querySelector("g")?.getAttribute("transform")).toBe("translate(1,2)");
    expect(drawing?.querySelector("circle")?.getAttribute("class")).toBe("chart-dot-outage");
    expect(drawing?.querySelector("text")?.textContent).toBe("84 ms <b>");
  });
});

describe("a hostile drawing", () => {
  test.each([
    ["a script", svg("<script>window.hit = 1</script>")],
    ["a handler", svg('<rect x="0" y="0" width="1" height="1" onload="hit()" onclick="hit()"/>', 'onload="hit()"')],
    [
      "foreign markup",
      svg(
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="hit()"/></body></foreignObject>',
      ),
    ],
    ["markup of another namespace", svg('<script xmlns="http://www.w3.org/1999/xhtml">hit()</script>')],
    ["a link", svg('<a href="javascript:hit()"><text>x</text></a>')],
    ["a use", svg('<use href="https://evil.example/x.svg#a"/>')],
    ["an image", svg('<image href="https://evil.example/x.png"/>')],
    [
      "a style",
      svg('<style>@import url(https://evil.example/)</style><rect style="fill:url(https://evil.example/)"/>'),
    ],
    [
      "an animation",
      svg('<animate attributeName="href" to="javascript:hit()"/><set attributeName="onload" to="hit()"/>'),
    ],
    ["a colour with an address", svg('<rect fill="url(https://evil.example/#a)"/>')],
    ["a filter", svg('<filter><feImage href="https://evil.example/"/></filter><rect filter="url(#f)"/>')],
    ["a class of ours", svg('<rect class="button primary"/>')],
    ["an address in a path", svg('<path d="javascript:hit()"/>')],
    ["an entity", `<!DOCTYPE svg [<!ENTITY e "<script>hit()</script>">]>${svg("<text>&e;</text>")}`],
  ])("with %s loses it", (_, text) => {
    const holder = document.createElement("div");
    const drawing = safeDrawing(text);
    if (drawing) holder.append(drawing);
    expect(holder.innerHTML).not.toMatch(
      /script|onload|onclick|onerror|javascript|evil|style|class=|foreign|animate|<set|<a |<use|<image|hit\(/i,
    );
  });

  test.each([
    "",
    "no svg",
    "<html></html>",
    '<svg><path d="M0 0"/></svg>',
    "<svg xmlns='http://www.w3.org/2000/svg'><g>",
  ])("that is none (%j) gives nothing", (text) => expect(safeDrawing(text)).toBeNull());

  test("with thousands of elements is cut", () => {
    const drawing = safeDrawing(svg("<g></g>".repeat(6_000)));
    expect(drawing?.querySelectorAll("g").length).toBeLessThan(5_000);
  });
});
