// Words of the circuit breakers before providers.

import type { BreakerView } from "../types/BreakerView";
import type { Forced } from "../types/Forced";

/** How a breaker stands, without its times. */
function stands(view: BreakerView): string {
  if (view.forced === "open") return "held open by hand: nobody asks this provider";
  if (view.forced === "closed") return "held closed by hand: this provider is asked whatever is seen of it";
  if (view.phase === "open") return `open after ${view.of} failures in a row: nobody asks this provider`;
  if (view.phase === "half-open") return "half-open: one may try whether it works again";
  return view.failures > 0 ? `closed, ${view.failures} of ${view.of} failures in a row` : "closed";
}

export const breaker = {
  title: "Circuit breaker",
  stands,
  triedAt: "one may try from",
  by: (who: string) => `by ${who.replace(/^person:/, "")}`,
  why: "Why",
  act: { open: "Hold open …", closed: "Hold closed …" } satisfies Record<Forced, string>,
  release: "Leave it to itself",
  sheet: {
    open: (name: string) => `Ask ${name} nothing any more`,
    closed: (name: string) => `Ask ${name} whatever is seen of it`,
  } satisfies Record<Forced, (name: string) => string>,
  lead: {
    open: "Nothing is asked of it until this is taken back. Its checks go on.",
    closed: "Failures no longer keep anybody from asking it, until this is taken back.",
  } satisfies Record<Forced, string>,
  reason: "Reason",
  reasonHint: "whoever comes next will want to know",
  confirm: { open: "Hold open", closed: "Hold closed" } satisfies Record<Forced, string>,
  done: (name: string, view: BreakerView) => `Circuit breaker of ${name}: ${stands(view)}.`,
};
