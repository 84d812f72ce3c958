// What has to be on the computer before anything can be built: Node, Rust, and packages of the system.
// Written for Node's own modules only: it runs before anything is installed.

import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { must, run, Stop } from "./steps.mjs";

const NODE = [20, 19];
const RUST = [1, 95];

/** The top of the clone. */
export const TOP = fileURLToPath(new URL("../../", import.meta.url));

/** Node and Rust, new enough. */
export async function languages() {
  if (older(process.versions.node, NODE)) {
    throw new Stop(
      `Node is ${process.versions.node}; Lifeboat needs ${NODE.join(".")} or newer. Install it from your system or from nodejs.org.`,
      3,
    );
  }
  // rustup puts cargo here and asks for a new shell, which nobody may have opened yet.
  const cargo = join(homedir(), ".cargo", "bin");
  if (!which("cargo") && existsSync(join(cargo, "cargo"))) process.env.PATH += delimiter + cargo;
  if (!which("cargo") || !which("rustc")) {
    throw new Stop(
      `Rust is not installed; Lifeboat needs ${RUST.join(".")} or newer. Install it with rustup (rustup.rs), then run this again.`,
      3,
    );
  }
  const { code, stdout } = await run("rustc", ["--version"], { quiet: true, cwd: TOP });
  const version = /^rustc (\S+)/.exec(stdout)?.[1];
  if (code !== 0 || version === undefined || older(version, RUST)) {
    throw new Stop(
      `Rust is ${version ?? "not usable"}; Lifeboat needs ${RUST.join(".")} or newer. \`rustup update stable\` brings it.`,
      3,
    );
  }
}

const older = (version, [major, minor]) => {
  const [itsMajor, itsMinor] = version.split(".").map((part) => Number.parseInt(part, 10));
  return itsMajor < major || (itsMajor === major && itsMinor < minor);
};

/** Packages of the system: installed on Debian and its relatives, named elsewhere. */
export async function packages(purpose) {
  if (process.platform === "linux" && isDebian() && which("apt-get")) {
    const { code } = await run("bash", [join(TOP, "src-tauri/setup/debian.sh"), purpose]);
    if (code !== 0) throw new Stop("not every system package is there", code === 3 ? 3 : 1);
    return;
  }
  const missing = [];
  for (const need of NEEDS) {
    if ((need.test && purpose !== "test") || (need.linux && process.platform !== "linux")) continue;
    if (!(await need.there())) missing.push(need.what);
  }
  if (missing.length > 0) {
    throw new Stop(
      `Lifeboat installs system packages only on Debian and its relatives. Missing here:\n${missing.map((what) => `  ${what}`).join("\n")}\nInstall these, then run this again.`,
      3,
    );
  }
}

function isDebian() {
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
  } catch {
    return false;
  }
}

/** Where a program is found, or nothing. */
export function which(...names) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not here.
      }
    }
  }
  return null;
}

const library = (name) => async () => {
  if (!which("pkg-config", "pkgconf")) return false;
  return (await run(which("pkg-config", "pkgconf"), ["--exists", name], { quiet: true })).code === 0;
};

/** A PostgreSQL server, 15 or newer, in the places the systems put it. */
function postgres() {
  const places = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt", "/usr/local/opt"];
  for (const place of places) {
    if (!existsSync(place)) continue;
    const versions = readdirSync(place).map((name) => [name, Number.parseInt(name.replace(/^\D*/, ""), 10)]);
    if (versions.some(([name, version]) => version >= 15 && existsSync(join(place, name, "bin/postgres")))) return true;
  }
  return readdirSync("/usr").some((name) => /^pgsql-(1[5-9]|[2-9]\d)$/.test(name)) || which("postgres") !== null;
}

const NEEDS = [
  { what: "a C compiler (cc)", there: () => which("cc", "gcc", "clang") !== null },
  { what: "pkg-config", linux: true, there: () => which("pkg-config", "pkgconf") !== null },
  { what: "WebKitGTK 4.1 with its headers (webkit2gtk-4.1)", linux: true, there: library("webkit2gtk-4.1") },
  { what: "librsvg with its headers (librsvg-2.0)", linux: true, there: library("librsvg-2.0") },
  {
    what: "Ayatana AppIndicator with its headers (ayatana-appindicator3-0.1)",
    linux: true,
    there: library("ayatana-appindicator3-0.1"),
  },
  { what: "D-Bus with its headers (dbus-1)", linux: true, there: library("dbus-1") },
  { what: "ALSA with its headers (alsa)", linux: true, there: library("alsa") },
  { what: "PostgreSQL's server programs, 15 or newer (postgres, initdb, pg_ctl)", there: postgres },
  { what: "setpriv (util-linux)", linux: true, test: true, there: () => which("setpriv") !== null },
  { what: "a virtual display (Xvfb)", linux: true, test: true, there: () => which("Xvfb") !== null },
  {
    what: "WebKitGTK's WebDriver (WebKitWebDriver)",
    linux: true,
    test: true,
    there: () => which("WebKitWebDriver") !== null,
  },
  {
    what: "a session bus (dbus-daemon, dbus-send)",
    linux: true,
    test: true,
    there: () => which("dbus-daemon") !== null && which("dbus-send") !== null,
  },
  {
    what: "the system's Python with its D-Bus and GLib (dbus, gi)",
    linux: true,
    test: true,
    there: async () => (await run("/usr/bin/python3", ["-c", "import dbus, gi"], { quiet: true })).code === 0,
  },
  {
    what: "GNOME Keyring (gnome-keyring-daemon)",
    linux: true,
    test: true,
    there: () => which("gnome-keyring-daemon") !== null,
  },
  { what: "Chromium", test: true, there: () => which("chromium", "chromium-browser", "google-chrome") !== null },
];

/** Whether a window can be opened here. */
export const hasDisplay = () =>
  process.platform !== "linux" || Boolean(process.env.DISPLAY) || Boolean(process.env.WAYLAND_DISPLAY);

/** Where cargo puts what it builds. */
export async function targetFolder() {
  const { stdout } = await must("cargo", ["metadata", "--format-version", "1", "--no-deps", "--locked"], {
    quiet: true,
    cwd: TOP,
  });
  return JSON.parse(stdout).target_directory;
}
