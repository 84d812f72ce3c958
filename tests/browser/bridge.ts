// A real browser on the built window, with a `World` in the place of Rust.

import { createServer, type Server } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import type { RangeProgress } from "../../ui/src/types/RangeProgress";
import { World } from "./world";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "../../ui/dist");
const kinds: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
  ".woff": "font/woff",
};

/** The same policy as in the shell, so that what it would refuse is refused here too. */
async function policy(): Promise<string> {
  const text = await readFile(join(here, "../../src-tauri/tauri.conf.json"), "utf8");
  return (JSON.parse(text) as { app: { security: { csp: string } } }).app.security.csp;
}

export async function serve(): Promise<{ server: Server; address: string }> {
  const csp = await policy();
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname).replace(/^\/+/, "");
    readFile(join(dist, path === "" ? "index.html" : path)).then(
      (body) => {
        response.setHeader("content-type", kinds[extname(path || ".html")] ?? "text/html; charset=utf-8");
        response.setHeader("content-security-policy", csp);
        response.end(body);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const port = (server.address() as { port: number }).port;
  return { server, address: `http://127.0.0.1:${port}/` };
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["LIFEBOAT_CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Opened {
  page: Page;
  world: World;
  /** What the browser complained of: refused by the policy, or thrown. */
  complaints: string[];
  close(): Promise<void>;
}

export async function open(
  browser: Browser,
  address: string,
  { world = new World(), hash = "#/status", ...options }: BrowserContextOptions & { world?: World; hash?: string } = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    timezoneId: "Europe/Paris",
    locale: "en-GB",
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));

  await page.exposeFunction("__bridge", async (command: string, given: Record<string, unknown>) => {
    const channel = /^__CHANNEL__:(\d+)$/.exec(String(given["progress"] ?? ""))?.[1];
    let index = 0;
    const progress = (message: RangeProgress) => {
      const packet = { index: index++, message };
      if (channel) void page.evaluate(([id, sent]) => call(id, sent), [Number(channel), packet] as const).catch(ignore);
    };
    try {
      return { value: await world.invoke(command, given, progress) };
    } catch (error) {
      return { error };
    }
  });
  await page.addInitScript(() => {
    const callbacks = new Map<number, (data: unknown) => void>();
    const listeners = new Map<string, number[]>();
    let next = 1;
    const scope = window as unknown as Record<string, unknown>;
    scope["call"] = (id: number, data: unknown) => callbacks.get(id)?.(data);
    scope["emit"] = (event: string, payload: unknown) => {
      for (const id of listeners.get(event) ?? []) callbacks.get(id)?.({ event, id, payload });
    };
    scope["__TAURI_EVENT_PLUGIN_INTERNALS__"] = { unregisterListener: () => undefined };
    scope["__TAURI_INTERNALS__"] = {
      metadata: { currentWindow: { label: "main" }, currentWebview: { windowLabel: "main", label: "main" } },
      transformCallback: (callback: (data: unknown) => void) => {
        callbacks.set(next, callback);
        return next++;
      },
      unregisterCallback: (id: number) => callbacks.delete(id),
      convertFileSrc: (path: string) => path,
      invoke: async (command: string, given: Record<string, unknown> = {}) => {
        if (command === "plugin:event|listen") {
          const event = String(given["event"]);
          listeners.set(event, [...(listeners.get(event) ?? []), Number(given["handler"])]);
          return next++;
        }
        if (command === "plugin:window|theme") {
          return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
        }
        if (command.startsWith("plugin:")) return null;
        const bridge = scope["__bridge"] as (c: string, g: unknown) => Promise<{ value?: unknown; error?: unknown }>;
        const answer = await bridge(command, JSON.parse(JSON.stringify(given)));
        if ("error" in answer) throw answer.error;
        return answer.value;
      },
    };
  });
  world.listener = {
    journal: (entry) => {
      void page.evaluate((sent) => emit("journal", sent), entry as unknown).catch(ignore);
    },
    shell: (event) => {
      void page.evaluate((sent) => emit("shell", sent), event as unknown).catch(ignore);
    },
  };
  await page.goto(address + hash);
  return { page, world, complaints, close: () => context.close() };
}

declare function call(id: number, data: unknown): void;
declare function emit(event: string, payload: unknown): void;

// A window that is gone hears nothing; that is no failure of what was sent.
function ignore(): void {
  return undefined;
}
