// A chart as Rust would draw it, roughly.

import type { ChartDocument } from "../../ui/src/types/ChartDocument";
import type { Sample } from "../../ui/src/types/Sample";

export function chart(samples: Sample[]): ChartDocument {
  const [width, height] = [640, 180];
  const shown = samples.slice(0, 60).toReversed();
  const top = Math.max(...shown.map((sample) => sample.latency_ms), 1) * 1.15;
  const points = shown.map((sample, index) => ({
    series: "latency",
    x_px: 44 + (index * (width - 56)) / Math.max(1, shown.length - 1),
    y_px: 12 + (1 - sample.latency_ms / top) * (height - 40),
    label: sample.at.slice(11, 19),
    value: `${Math.round(sample.latency_ms)} ms`,
    tone: sample.verdict,
  }));
  const path = points.map((point, index) => `${index ? "L" : "M"}${point.x_px.toFixed(1)} ${point.y_px.toFixed(1)}`);
  const dots = points
    .filter((point) => point.tone !== "operational")
    .map((point) => `<circle cx="${point.x_px}" cy="${point.y_px}" r="3.5" class="chart-dot-${point.tone}"/>`);
  const grid = [0.25, 0.5, 0.75].map((share) => {
    const y = 12 + share * (height - 40);
    return `<line x1="44" x2="${width - 12}" y1="${y}" y2="${y}" class="chart-grid"/><text x="38" y="${y + 4}" text-anchor="end" class="chart-label">${Math.round(top * (1 - share))}</text>`;
  });
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${grid.join("")}<line x1="44" x2="${width - 12}" y1="${height - 28}" y2="${height - 28}" class="chart-axis"/><path d="${path.join("")}" class="chart-line"/>${dots.join("")}<text x="44" y="${height - 8}" class="chart-label">${points[0]?.label ?? ""}</text><text x="${width - 12}" y="${height - 8}" text-anchor="end" class="chart-label">${points.at(-1)?.label ?? ""}</text></svg>`,
    width,
    height,
    title: "Latency in the last hour",
    finding: `${points.length} samples, the newest took ${points.at(-1)?.value ?? "–"}.`,
    points,
    table: {
      headers: ["Time (UTC)", "Latency", "Verdict"],
      rows: points.toReversed().map((point) => [point.label, point.value, point.tone]),
    },
  };
}
