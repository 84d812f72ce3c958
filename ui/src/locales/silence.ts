// Words of maintenance and mute, and of why a check that is bad does not alarm.

import type { Quiet } from "../types/Quiet";
import type { Silence } from "../types/Silence";
import type { SilenceKind } from "../types/SilenceKind";

const alarm: Record<Quiet["kind"], string> = {
  maintenance: "In maintenance, so it does not alarm.",
  muted: "Muted, so it does not alarm.",
  because: "It does not alarm by itself.",
  flapping: "Flapping, so its changes do not alarm one by one.",
};

export const silence = {
  title: "Muted and in maintenance",
  act: { mute: "Mute …", maintenance: "Maintenance …" } satisfies Record<SilenceKind, string>,
  sheet: {
    mute: (of: string) => `Mute alarms of ${of}`,
    maintenance: (of: string) => `Maintenance of ${of}`,
  },
  lead: {
    mute: "Nothing of it alarms until then. What is wrong is shown all the same. It ends by itself.",
    maintenance:
      "Checking goes on, nothing of it alarms, and the time does not count as downtime. It ends by itself; what is bad then alarms.",
  } satisfies Record<SilenceKind, string>,
  everything: "everything",
  begins: "Begins",
  now: "Now",
  later: "At a time",
  from: "From",
  length: "Ends",
  lengths: { 30: "In 30 min", 60: "In 1 h", 240: "In 4 h", 480: "In 8 h", 1440: "In 24 h" } as Record<number, string>,
  atTime: "At a time",
  until: "Until",
  zone: (name: string) => `${name} time`,
  reason: "Reason",
  reasonHint: { mute: "may be left out", maintenance: "what is done" } satisfies Record<SilenceKind, string>,
  confirm: { mute: "Mute", maintenance: "Begin maintenance" } satisfies Record<SilenceKind, string>,
  plan: "Plan maintenance",
  missingTime: "Give a day and a time.",
  done: (one: Silence, of: string) =>
    one.kind === "mute" ? `Alarms of ${of} are muted.` : `Maintenance of ${of} is kept in the journal.`,
  ended: (of: string) => `${of}: ended.`,
  kinds: { mute: "Muted", maintenance: "Maintenance" } satisfies Record<SilenceKind, string>,
  planned: "planned from",
  holds: "until",
  by: (who: string) => `by ${who.replace(/^person:/, "")}`,
  end: "End now",
  takeBack: "Take back",
  endOf: (act: string, kind: string, of: string) => `${act}: ${kind.toLowerCase()} of ${of}`,
  flapping: "flapping",
  flappingSince: "Its health changes too often since",
  because: (name: string) => `because of ${name}`,
  becauseLong: "Because of",
  muted: "muted",
  alarm,
};
