// Fuzzy matching for the palette: every letter in order, better when at the start of words and close together.

/** How well `wanted` is found in `text`, or nothing when it is not. Higher is better. */
export function fuzzy(wanted: string, text: string): number | null {
  const letters = wanted.toLowerCase().replaceAll(/\s+/g, "");
  if (letters === "") return 0;
  const inside = text.toLowerCase();
  let score = 0;
  let at = -1;
  for (const letter of letters) {
    const next = inside.indexOf(letter, at + 1);
    if (next === -1) return null;
    const before = inside[next - 1];
    if (next === at + 1) score += 4;
    if (before === undefined || !/[\p{L}\p{N}]/u.test(before)) score += 6;
    score -= Math.min(3, (next - at - 1) / 4);
    at = next;
  }
  if (inside.replaceAll(/\s+/g, "").includes(letters)) score += 8;
  return score - inside.length / 100;
}
