// Where the focus goes when something opens or closes beside a list.

import { tick } from "svelte";

/** Takes the focus when it appears: the heading of a panel. */
export function takeFocus(element: HTMLElement): void {
  element.focus({ preventScroll: true });
}

/** The name by which the button that opens a thing is found again. */
export function opener(kind: string, id: string): string {
  return `${kind}/${id}`;
}

/** Gives the focus back to the button that opened a thing. */
export async function focusOpener(kind: string, id: string): Promise<void> {
  await tick();
  const name = CSS.escape(opener(kind, id));
  const buttons = [...document.querySelectorAll<HTMLElement>(`[data-opens="${name}"]`)];
  (buttons.find((button) => button.getClientRects().length > 0) ?? document.querySelector("main"))?.focus();
}
