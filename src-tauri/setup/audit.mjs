// What the dependencies are allowed to be: their licences, where they come from, what may not be among them, that each
// is used, and what is known against them. Reads what cargo and npm say themselves, so that nothing has to be compiled
// to look. Advisories are asked for at osv.dev, which holds RustSec's; without a network that is said, not passed over.
//
// Whether a commit passes is decided by what the commit holds. An advisory that was published overnight is told, and
// fails nothing by itself: it becomes a fault when somebody who has read it bans the version here.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TOP } from "./machine.mjs";
import { must, run, Stop } from "./steps.mjs";

/** Licences that put no condition on the program beyond naming the author; MPL's condition ends at its own files. */
const LICENCES = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSL-1.0",
  "bzip2-1.0.6",
  "CC0-1.0",
  "CDLA-Permissive-2.0",
  "ISC",
  "MIT",
  "MIT-0",
  "MPL-2.0",
  "NCSA",
  "OFL-1.1",
  "OpenSSL",
  "Unicode-3.0",
  "Unicode-DFS-2016",
  "Unlicense",
  "Zlib",
]);
const EXCEPTIONS = new Set(["LLVM-exception"]);

/**
 * What may not be among the dependencies, each with the reason. A version is the first that is allowed. An advisory that
 * must not be shipped stands here: its name, the first version without it, its id.
 */
const BANNED = [
  { name: "openssl-sys", why: "one TLS stack is enough: rustls" },
  { name: "native-tls", why: "one TLS stack is enough: rustls" },
  { name: "aws-lc-sys", why: "one provider of cryptography is enough: ring" },
  { name: "tauri", below: [2, 11, 1], why: "GHSA-7gmj-67g7-phm9" },
  { name: "tauri-plugin-notification", below: [2, 6, 0], why: "it does not tell of clicks on a desktop" },
];

/** Advisories that somebody has read and that do not concern us, by id, each with the reason; they are told no more. */
const READ = {};

const CRATES = "registry+https://github.com/rust-lang/crates.io-index";
const OSV = "https://api.osv.dev/v1/querybatch";

/** Whether an SPDX expression can be met with allowed licences. `/` is how old manifests write OR. */
export function licenceFits(expression) {
  const words = expression.replace(/\//g, " OR ").replace(/[()]/g, " $& ").trim().split(/\s+/);
  let at = 0;
  const any = () => {
    let fits = all();
    for (; words[at] === "OR";) {
      at += 1;
      fits = all() || fits;
    }
    return fits;
  };
  const all = () => {
    let fits = one();
    for (; words[at] === "AND";) {
      at += 1;
      fits = one() && fits;
    }
    return fits;
  };
  const one = () => {
    if (words[at] === "(") {
      at += 1;
      const fits = any();
      at += 1;
      return fits;
    }
    let fits = LICENCES.has(words[at]);
    at += 1;
    if (words[at] === "WITH") {
      fits &&= EXCEPTIONS.has(words[at + 1]);
      at += 2;
    }
    return fits;
  };
  return any() && at === words.length;
}

/** Everything that is wrong with the crates, from what `cargo metadata` says. */
export function judgeCrates({ packages, workspace_members: members }) {
  const own = new Set(members);
  const faults = [];
  for (const { id, name, version, source, license } of packages) {
    if (own.has(id)) continue;
    const crate = `${name} ${version}`;
    if (source !== CRATES) faults.push(`${crate} does not come from crates.io but from ${source ?? "a folder"}`);
    if (!license) faults.push(`${crate} names no licence`);
    else if (!licenceFits(license)) faults.push(`${crate} has a licence that is not on the list: ${license}`);
    for (const ban of BANNED) {
      if (ban.name === name && (!ban.below || isBelow(version, ban.below)))
        faults.push(`${crate} may not be used: ${ban.why}`);
    }
  }
  return faults;
}

const isBelow = (version, limit) => {
  const parts = version.split(/[.+-]/).map((part) => Number.parseInt(part, 10));
  for (const [index, wanted] of limit.entries()) if (parts[index] !== wanted) return parts[index] < wanted;
  return false;
};

/** Dependencies of our own crates that no source file of the crate mentions. */
function unused({ packages, workspace_members: members }) {
  const faults = [];
  for (const own of packages.filter(({ id }) => members.includes(id))) {
    const roots = new Set(own.targets.map(({ src_path: path }) => dirname(path)));
    const text = [...roots].flatMap((root) => sources(root)).join("\n");
    // The same place where cargo-machete looks.
    const ignored = own.metadata?.["cargo-machete"]?.ignored ?? [];
    for (const { name, rename } of own.dependencies.filter(({ name }) => !ignored.includes(name))) {
      const word = (rename ?? name).replaceAll("-", "_");
      if (!new RegExp(`\\b${word}\\b`).test(text)) faults.push(`${own.name} does not use ${name}`);
    }
  }
  return faults;
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ["target", "node_modules", "gen"].includes(entry.name) ? [] : sources(path);
    return entry.name.endsWith(".rs") ? [readFileSync(path, "utf8")] : [];
  });
}

/** What is known against these versions; nothing where nobody could be asked. */
async function advisories(queries) {
  try {
    const found = [];
    for (let at = 0; at < queries.length; at += 500) {
      const part = queries.slice(at, at + 500);
      const answer = await fetch(OSV, {
        method: "POST",
        body: JSON.stringify({ queries: part }),
        signal: AbortSignal.timeout(20_000),
      });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      const { results } = await answer.json();
      for (const [index, { vulns }] of results.entries()) {
        const { package: crate, version } = part[index];
        for (const { id } of vulns ?? [])
          found.push({
            name: crate.name,
            version,
            id,
            where: `https://osv.dev/${id}`,
            pin: `cargo update ${crate.name}`,
          });
      }
    }
    return found;
  } catch (error) {
    return { unreachable: error.cause?.code ?? error.message };
  }
}

/** npm's own audit of what is shipped. */
async function npmAudit() {
  const { stdout } = await run("npm", ["audit", "--omit=dev", "--audit-level=high", "--json"], {
    quiet: true,
    cwd: TOP,
  });
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return { unreachable: "no answer" };
  }
  const counts = report.metadata?.vulnerabilities;
  if (!counts) return { unreachable: report.message ?? report.error?.summary ?? report.error?.code ?? "no answer" };
  if (counts.high + counts.critical === 0) return [];
  return Object.values(report.vulnerabilities)
    .filter(({ severity }) => ["high", "critical"].includes(severity))
    .flatMap(({ name, severity, range, via }) =>
      via
        .filter((cause) => typeof cause === "object")
        .map(({ url }) => {
          const id = url.split("/").at(-1);
          return { name: `npm ${name}`, version: `${range} (${severity})`, id, where: url, pin: `npm update ${name}` };
        }),
    );
}

/** What is told of advisories: each with its name, where it is described, and both ways to settle it. */
export function tellAdvisories(found, read = READ) {
  return found
    .filter(({ id }) => !Object.hasOwn(read, id))
    .map(
      ({ name, version, id, where, pin }) =>
        `WARNING ${name} ${version}: ${id}, ${where}. \`${pin}\` takes a version without it, if there is one; ` +
        `then pin that in BANNED of src-tauri/setup/audit.mjs. If it does not concern us, say why in READ there.`,
    );
}

/** All of it. Stops with every fault there is; advisories are told. */
export async function audit() {
  const { stdout } = await must("cargo", ["metadata", "--format-version", "1", "--locked"], { quiet: true, cwd: TOP });
  const metadata = JSON.parse(stdout);
  const faults = [...judgeCrates(metadata), ...unused(metadata)];
  process.stderr.write(`  ${metadata.packages.length} crates: licences, origins, bans and use looked at\n`);

  const lock = JSON.parse(readFileSync(join(TOP, "package-lock.json"), "utf8"));
  const modules = Object.entries(lock.packages).filter(([path]) => path !== "");
  for (const [path, { resolved, license, dev }] of modules) {
    if (resolved && !resolved.startsWith("https://registry.npmjs.org/"))
      faults.push(`${path} does not come from npm's registry`);
    // Only what is shipped inside the page has to have a licence that allows that.
    if (!dev && license && !licenceFits(license))
      faults.push(`${path} has a licence that is not on the list: ${license}`);
  }
  process.stderr.write(`  ${modules.length} npm packages: origins and licences looked at\n`);

  const queries = metadata.packages
    .filter(({ source }) => source !== null)
    .map(({ name, version }) => ({ package: { ecosystem: "crates.io", name }, version }));
  for (const [whose, found] of [
    ["RustSec's advisories (osv.dev)", await advisories(queries)],
    ["npm's audit", await npmAudit()],
  ]) {
    if (Array.isArray(found)) {
      const warnings = tellAdvisories(found);
      process.stderr.write(`  ${whose}: ${found.length} known, ${found.length - warnings.length} read\n`);
      for (const warning of warnings) process.stderr.write(`  ${warning}\n`);
    } else {
      process.stderr.write(`  ${whose}: NOT ASKED, not reachable from here (${found.unreachable})\n`);
    }
  }
  if (faults.length > 0)
    throw new Stop(`${faults.length} faults in the dependencies:\n${faults.map((line) => `  ${line}`).join("\n")}`);
}
