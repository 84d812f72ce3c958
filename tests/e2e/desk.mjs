// A desk to try the window at: a display, a session bus, a keychain or none, and a home, all new and all private.
// Nothing of the person who runs the tests is read or changed, and nothing is left when the desk is cleared.

import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { end, run, start, until } from "./process.mjs";
import { openSession } from "./webdriver.mjs";

/** A session bus that starts no service by itself: what is not started here is not there. */
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** Lays a desk. `programs` says where the window's and the command line's binaries are. */
export async function layDesk(name, programs, { keychain = true, home = null, data = null } = {}) {
  const folder = data ?? mkdtempSync(join(tmpdir(), `lifeboat-e2e-${name}-`));
  const desk = new Desk(folder, programs, home ?? join(folder, "home"));
  try {
    await desk.lay(keychain);
    return desk;
  } catch (error) {
    await desk.clear();
    throw error;
  }
}

class Desk {
  #programs;
  #children = [];
  #log;
  /** The window under control, while it is open. */
  session = null;

  constructor(folder, programs, home) {
    this.folder = folder;
    this.home = home;
    this.#programs = programs;
    for (const part of ["config", "data", "cache", "runtime", "bus"])
      mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
    this.logFile = join(folder, "output.log");
    this.#log = openSync(this.logFile, "a");
    this.env = {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      TZ: "UTC",
      USER: "tester",
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, "config"),
      XDG_DATA_HOME: join(folder, "data"),
      XDG_CACHE_HOME: join(folder, "cache"),
      XDG_RUNTIME_DIR: join(folder, "runtime"),
      GDK_BACKEND: "x11",
      NO_AT_BRIDGE: "1",
      TAURI_AUTOMATION: "true",
      TAURI_WEBVIEW_AUTOMATION: "true",
    };
  }

  async lay(keychain) {
    this.env.DISPLAY = await this.#display();
    this.env.DBUS_SESSION_BUS_ADDRESS = await this.#bus();
    if (keychain) await this.#keychain();
  }

  #start(program, args, options = {}) {
    const child = start(program, args, { env: this.env, stdio: ["ignore", this.#log, this.#log], ...options });
    child.once("error", (error) => writeFileSync(this.logFile, `${program}: ${error.message}\\n`, { flag: "a" }));
    this.#children.push(child);
    return child;
  }

  /** Where what is started here says what it has to say. */
  get log() {
    return this.#log;
  }

  /** Starts a program that stays until the desk is cleared. */
  background(program, args, options) {
    return this.#start(program, args, options);
  }

  async #display() {
    const args = ["-displayfd", "3", "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"];
    const server = this.#start("Xvfb", args, { stdio: ["ignore", this.#log, this.#log, "pipe"] });
    return `:${await firstLine("the virtual display", server.stdio[3])}`;
  }

  async #bus() {
    const config = join(this.folder, "bus.conf");
    writeFileSync(config, BUS.replace("FOLDER", join(this.folder, "bus")));
    const args = [`--config-file=${config}`, "--nofork", "--print-address=3"];
    const bus = this.#start("dbus-daemon", args, { stdio: ["ignore", this.#log, this.#log, "pipe"] });
    return firstLine("the session bus", bus.stdio[3]);
  }

  /** The password becomes that of a new login keychain; an empty one would make none. */
  async #keychain() {
    const args = ["--unlock", "--components=secrets", "--foreground"];
    const daemon = this.#start("gnome-keyring-daemon", args, { stdio: ["pipe", this.#log, this.#log] });
    daemon.stdin.end("a password for this desk\\n");
    await until("the keychain is unlocked", 10_000, async () => {
      const made = await run(
        "dbus-send",
        [
          "--session",
          "--print-reply",
          "--dest=org.freedesktop.secrets",
          "/org/freedesktop/secrets/collection/login",
          "org.freedesktop.DBus.Properties.Get",
          "string:org.freedesktop.Secret.Collection",
          "string:Locked",
        ],
        { env: this.env },
      );
      return made.code === 0 && made.stdout.includes("boolean false");
    });
  }

  /** Opens the window on this desk's home. */
  async open(args = []) {
    this.session = await openSession({
      program: this.#programs.window,
      args: ["--home", this.home, ...args],
      env: this.env,
      log: this.#log,
    });
    return this.session;
  }

  /** The windows that are open on this home, by process. */
  windows() {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => {
        try {
          const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
          return words[0] === this.#programs.window && words.includes(this.home) && !words.includes("serve");
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  /** Ends the window as the session's end does. The driver alone would not let it finish what it has to write. */
  async shut() {
    const session = this.session;
    this.session = null;
    if (!session) return;
    for (const pid of this.windows()) process.kill(pid, "SIGTERM");
    await until("the window has ended", 15_000, () => this.windows().length === 0);
    await session.close();
  }

  /** Runs the command line on this desk's home, from outside the window. */
  lifeboat(...args) {
    return run(this.#programs.cli, ["--home", this.home, ...args], { env: this.env });
  }

  /** What everything on this desk has said. */
  output() {
    return readFileSync(this.logFile, "utf8");
  }

  /** What the window has written down about itself. */
  windowLog() {
    const folder = join(this.home, "logs");
    if (!existsSync(folder)) return "";
    return readdirSync(folder)
      .sort()
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("");
  }

  /** Starts the window's program without a driver, and leaves it running. */
  leave(...args) {
    return this.#start(this.#programs.window, ["--home", this.home, ...args]);
  }

  /** Starts the window's program without a driver, as a person would. */
  launch(...args) {
    return run(this.#programs.window, ["--home", this.home, ...args], { env: this.env });
  }

  /** Ends whatever is on the desk and takes it away. */
  async clear({ keep = false } = {}) {
    await this.shut().catch(() => undefined);
    await this.lifeboat("range", "down").catch(() => undefined);
    for (const child of this.#children.reverse()) await end(child);
    closeSync(this.#log);
    if (!keep) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function firstLine(what, stream) {
  let text = "";
  stream.setEncoding("utf8").on("data", (more) => (text += more));
  await until(`${what} is there`, 15_000, () => text.includes("\n"));
  return text.slice(0, text.indexOf("\n")).trim();
}
