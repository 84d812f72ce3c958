// Words of Settings > Credentials.

import type { CredentialState } from "../types/CredentialState";
import type { CredentialTest } from "../types/CredentialTest";
import type { CredentialUse } from "../types/CredentialUse";
import type { EndpointKind } from "../types/EndpointKind";
import type { StandingClaim } from "../types/StandingClaim";

const states: Record<CredentialState, string> = {
  stored: "Stored",
  "in-file": "In the encrypted file",
  "session-only": "This session only",
  brought: "Brought by the range",
  missing: "MISSING",
  locked: "Locked",
  unreadable: "Cannot be read",
};

const kinds: Partial<Record<EndpointKind, string>> = {
  http: "Web service",
  postgres: "PostgreSQL",
  bucket: "Bucket",
  pagerduty: "PagerDuty",
  slack: "Slack",
  twilio: "Twilio",
  fcm: "Firebase Cloud Messaging",
  mail: "Mail server",
  stripe: "Stripe",
  square: "Square",
  supabase: "Supabase",
  cloudflare: "Cloudflare",
  statuspage: "Statuspage",
};

const claims = (what: string): Record<StandingClaim, string> => ({
  yes: what,
  no: `not ${what}`,
  "not-known": `${what}: not known`,
});

export const credentials = {
  lead: "The plan names credentials; their values are kept here and are never shown again.",
  where: {
    available: (name: string) => `Kept in this computer’s keychain: ${name}, unlocked.`,
    locked: "This computer’s keychain is locked.",
    absent: "This computer has no keychain.",
  },
  waysOut: {
    locked: "Unlock it, or keep credentials for this session only or in an encrypted file.",
    absent:
      "Keep credentials for this session only: they are gone when the window closes. Or choose an encrypted file, which asks for its passphrase each time.",
  },
  unlock: "Unlock",
  unlocking: "Waiting for the keychain …",
  unlocked: "The keychain is unlocked.",
  stillLocked: "The keychain is still locked.",
  sessionOnly: "Session only",
  sessionChosen: "New credentials are kept until the window closes.",
  file: { none: "Encrypted file …", locked: "Open the encrypted file …", open: "" },
  fileOpen: "The encrypted file is open until the window closes.",
  fileOpened: "The encrypted file is open.",
  columns: { name: "Name", used: "Used by", worked: "Last worked", state: "State", acts: "" },
  table: "Credentials the plan names",
  states,
  use: (use: CredentialUse, here: string) =>
    `${kinds[use.kind] ?? use.kind}, ${use.key.replaceAll("-", " ")}${use.environment === here ? "" : ` (${use.environment})`}`,
  checks: (checks: string[]) => (checks.length === 1 ? "1 check" : `${checks.length} checks`),
  never: "never",
  since: "stored",
  add: "Add",
  replace: "Replace",
  remove: "Remove",
  test: "Test",
  testing: "Testing …",
  undo: "Undo",
  of: (act: string, handle: string) => `${act}: ${handle}`,
  addTitle: (handle: string) => `Add ${handle}`,
  replaceTitle: (handle: string) => `Replace ${handle}`,
  removeTitle: (handle: string) => `Remove ${handle}?`,
  removeLead: "Whatever needs it is unknown until there is another. For half a minute it can be had back.",
  keep: "Keep it",
  value: "Value",
  valueLead: "Paste it whole. It goes to where it is kept and is not shown again.",
  place: "Keep it in",
  places: {
    keychain: "the keychain",
    session: "memory, until the window closes",
    file: "an encrypted file of this home",
  },
  passphrase: "Passphrase",
  passphraseNew: "A passphrase for the new file, 12 characters at least",
  passphraseAgain: "Once more",
  passphraseDiffers: "the two passphrases differ",
  passphraseTitle: { none: "An encrypted file for credentials", locked: "Open the encrypted file", open: "" },
  passphraseLead: {
    none: "It lies in this home as credentials.age and can be read with this passphrase only. Nobody can recover it.",
    locked: "It stays open until the window closes.",
    open: "",
  },
  openFile: "Open",
  makeFile: "Use this passphrase",
  store: "Store",
  storing: "Storing …",
  empty: "nothing was given",
  stored: (handle: string) => `${handle} is stored.`,
  removed: (handle: string) => `${handle} is removed.`,
  restored: (handle: string) => `${handle} is back.`,
  emptyTitle: "The plan needs no credentials",
  emptyLines: [
    'An endpoint names one with `credential = "a-name"` in the plan’s folder environments; its value is then added here.',
    "The plan never holds a value, so it can be shared and kept in version control.",
  ],
  tested: (test: CredentialTest) =>
    ({
      yes: `${test.handle} is accepted.`,
      no: `${test.handle} is not accepted.`,
      "not-known": `Nobody could tell whether ${test.handle} is accepted.`,
    })[test.accepted],
  reachable: claims("reachable"),
  authenticated: claims("authenticated"),
  functional: claims("functional"),
  by: (check: string) => `by ${check}`,
} as const;
