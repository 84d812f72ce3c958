// What the stand-in's plan says wrongly: a few of each weight, some in two places, and the files they are in.

import type { FindingCode } from "../../ui/src/types/FindingCode";
import type { FindingSeverity } from "../../ui/src/types/FindingSeverity";
import type { PlanFinding } from "../../ui/src/types/PlanFinding";
import type { PlanText } from "../../ui/src/types/PlanText";

/** A place by its file, line and column, and what is written on that line. */
type Written = readonly [file: string, line: number, column: number, text: string];

interface Kind {
  code: FindingCode;
  severity: FindingSeverity;
  why: string;
  said: readonly (readonly [message: string, ...places: Written[]])[];
}

const kinds: Kind[] = [
  {
    code: "setting-placeholder",
    severity: "severe",
    why: "The step fails at the moment it is needed.",
    said: [
      [
        "the bucket of the standby region is a stand-in, YOUR-BUCKET",
        ["backups.toml", 31, 10, 'bucket = "YOUR-BUCKET"'],
      ],
    ],
  },
  {
    code: "contact-placeholder",
    severity: "severe",
    why: "The call goes to nobody.",
    said: [
      ["the phone of on-call-lead is a stand-in, +XX-1", ["contacts.toml", 12, 9, 'phone = "+XX-1"']],
      ["the phone of cto is a stand-in, +XX-2", ["contacts.toml", 20, 9, 'phone = "+XX-2"']],
      ["the phone of legal is a stand-in, +XX-3", ["contacts.toml", 28, 9, 'phone = "+XX-3"']],
    ],
  },
  {
    code: "severity-cannot-reach",
    severity: "severe",
    why: "The message is sent by ways that do not reach them.",
    said: [
      [
        "P0 tells legal by sms and call, and legal has an e-mail address only",
        ["severities.toml", 9, 8, 'tell = ["on-call-lead", "cto", "legal"]'],
        ["contacts.toml", 26, 1, "[contacts.legal]"],
      ],
    ],
  },
  {
    code: "fallback-slower-than-scenario",
    severity: "warning",
    why: "The only way round takes longer than the scenario allows, so its promise cannot be kept.",
    said: [
      [
        'when Supabase fails, "Restore to a self-hosted PostgreSQL" takes up to 8h, "Database failure" has to be over in 2h',
        ["plan.toml", 88, 12, 'fallback = { what = "Restore to a self-hosted PostgreSQL", at-worst = "8h" }'],
        ["runbooks/database-failure.toml", 6, 7, 'rto = "2h"'],
      ],
    ],
  },
  {
    code: "channels-differ",
    severity: "warning",
    why: "People wait for the message at the wrong place.",
    said: [
      [
        "P1 is told by slack and email in the matrix, by slack and sms in the script",
        ["severities.toml", 15, 6, 'by = ["slack", "email"]'],
        ["severities.toml", 41, 6, 'by = ["slack", "sms"]'],
      ],
      [
        "P2 is told by email in the matrix, by slack in the script",
        ["severities.toml", 21, 6, 'by = ["email"]'],
        ["severities.toml", 46, 6, 'by = ["slack"]'],
      ],
    ],
  },
  {
    code: "contact-unverified",
    severity: "warning",
    why: "Numbers change and people leave; the first test should not be the incident.",
    said: [
      ["nobody has proved the addresses of on-call-lead", ["contacts.toml", 10, 1, "[contacts.on-call-lead]"]],
      ["nobody has proved the addresses of cto", ["contacts.toml", 18, 1, "[contacts.cto]"]],
    ],
  },
  {
    code: "store-nobody-needs",
    severity: "note",
    why: "When it is lost, nobody can tell what has stopped.",
    said: [['no function needs "Search index"', ["plan.toml", 71, 1, "[stores.search-index]"]]],
  },
  {
    code: "drill-without-owner",
    severity: "note",
    why: "Teams do not hold drills, people do.",
    said: [['nobody answers for "Restore drill"', ["drills.toml", 4, 1, "[drills.restore]"]]],
  },
];

export const findingSeeds: PlanFinding[] = kinds.flatMap(({ code, severity, why, said }) =>
  said.map(([message, ...places]) => ({
    code,
    severity,
    message,
    why,
    places: places.map(([file, line, column]) => ({ file, line, column })),
  })),
);

const written = kinds.flatMap(({ said }) => said.flatMap(([, ...places]) => places));

export const findingTexts: PlanText[] = [...new Set(written.map(([file]) => file))].sort().map((name) => {
  const lines = Array.from({ length: 120 }, (_, index) => `# line ${index + 1}`);
  for (const [file, line, , text] of written) if (file === name) lines[line - 1] = text;
  return { name, text: lines.join("\n") };
});
