// What jsdom lacks and the window uses, and a `World` in the place of Rust for component tests.

import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach } from "vitest";
import type { RangeProgress } from "./types/RangeProgress";
import { World } from "../../tests/browser/world";

HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
};
Element.prototype.scrollIntoView ??= () => undefined;
Element.prototype.scrollTo ??= () => undefined;
window.scrollTo = () => undefined;
window.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
})) as unknown as typeof window.matchMedia;
globalThis.CSS ??= { escape: (text: string) => text.replaceAll(/["\\]/g, "\\$&") } as typeof CSS;
globalThis.ResizeObserver ??= class {
  observe = () => undefined;
  unobserve = () => undefined;
  disconnect = () => undefined;
};
// Nothing is laid out in jsdom; everything that is there counts as seen.
Element.prototype.getClientRects = () => [{}] as unknown as DOMRectList;

/** Puts a world behind the border; the answer tells the window of a journal entry. */
export function connect(world: World): World {
  const listeners: Record<string, number[]> = {};
  let heard = 0;
  mockIPC((command, given) => {
    const values = (given ?? {}) as Record<string, unknown>;
    if (command === "plugin:event|listen") {
      (listeners[String(values["event"])] ??= []).push(Number(values["handler"]));
      return ++heard;
    }
    if (command.startsWith("plugin:")) return null;
    const channel = values["progress"] as { onmessage: (step: RangeProgress) => void } | undefined;
    return world.invoke(command, values, (step) => channel?.onmessage(step));
  });
  const internals = window as unknown as { __TAURI_INTERNALS__: { runCallback(id: number, data: unknown): void } };
  const emit = (event: string, payload: unknown) => {
    for (const id of listeners[event] ?? []) internals.__TAURI_INTERNALS__.runCallback(id, { event, id, payload });
  };
  world.listener = { journal: (entry) => emit("journal", entry), shell: (event) => emit("shell", event) };
  return world;
}

afterEach(() => {
  clearMocks();
  localStorage.clear();
  window.location.hash = "";
});
