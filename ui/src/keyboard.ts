// Keys and regions of the window. What each key does is decided in `App.svelte`; here is only how keys are told apart.

const isApple = /mac|iphone|ipad/i.test(navigator.userAgent);

/** The name of the command key on this computer. */
export const commandKey = isApple ? "⌘" : "Ctrl";

/** Whether the command key, and no other modifier but Shift, is held. */
export function commanded(event: KeyboardEvent): boolean {
  return (isApple ? event.metaKey : event.ctrlKey) && !event.altKey && !(isApple ? event.ctrlKey : event.metaKey);
}

/** Whether what has the focus wants letters for itself. */
export function takesLetters(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type);
}

/** Moves the focus to the next or previous region that can be seen. */
export function cycleRegions(backwards: boolean): void {
  const regions = [...document.querySelectorAll<HTMLElement>("[data-region]")].filter(
    (region) => region.getClientRects().length > 0,
  );
  if (regions.length === 0) return;
  const here = regions.findLastIndex((region) => region.contains(document.activeElement));
  const step = backwards ? -1 : 1;
  const next = here === -1 ? (backwards ? regions.length - 1 : 0) : (here + step + regions.length) % regions.length;
  regions[next]?.focus();
}

/** Presses the one main button of what is in front. */
export function pressPrimary(): void {
  const front = document.querySelector("dialog[open]") ?? document.querySelector("main");
  const button = [...(front?.querySelectorAll<HTMLElement>("[data-primary]") ?? [])].find(
    (candidate) => candidate.getClientRects().length > 0,
  );
  button?.click();
}
