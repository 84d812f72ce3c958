// Accessibility, judged by axe-core inside the real window, in both themes.

import { readFileSync } from "node:fs";

const SOURCE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const THEMES = ["light", "dark"];

/** Fails with every violation on the screen that is open. */
export async function accessible(session) {
  const faults = [];
  const before = await session.execute("return document.documentElement.dataset.theme ?? null");
  for (const theme of THEMES) {
    await session.execute("document.documentElement.dataset.theme = arguments[0]", theme);
    // Colours on their way from one theme to the other would be judged halfway; endless animations cannot be finished.
    await session.executeAsync(`
      const done = arguments[arguments.length - 1];
      requestAnimationFrame(() => requestAnimationFrame(() => {
        for (const animation of document.getAnimations()) {
          if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
        }
        done();
      }));`);
    await session.execute(`if (!window.axe) { ${SOURCE} }`);
    const violations = await session.executeAsync(`
      const done = arguments[arguments.length - 1];
      window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(
        ({ violations }) => done(violations.map(({ id, help, nodes }) => id + ": " + help + " at " + nodes.map(({ target }) => target.join(" ")).slice(0, 3).join(", "))),
        (error) => done(["axe did not run: " + error]),
      );`);
    faults.push(...violations.map((violation) => `${theme}: ${violation}`));
  }
  await session.execute("if (arguments[0]) document.documentElement.dataset.theme = arguments[0]", before);
  if (faults.length > 0) throw new Error(`axe objects:\n${faults.join("\n")}`);
  return `axe: none in ${THEMES.join(" and ")}`;
}
