// The circuit breaker before a provider, in a real browser: how it stands, held open with a reason, left to itself.

import type { Server } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { at, clean } from "./look";
import { problem, World } from "./world";

let server: Server;
let address: string;
let browser: Browser;

beforeAll(async () => {
  ({ server, address } = await serve());
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
  await new Promise((done) => server.close(done));
});

test(
  "is held open by hand with a reason, told on the board, and left to itself again",
  { timeout: 120_000 },
  async () => {
    const world = new World();
    const opened = await open(browser, address, { world });
    const { page } = opened;
    await at(page, "#/status/part/stripe", "aside h2");
    const panel = page.getByRole("complementary");
    await panel.getByRole("heading", { name: "Circuit breaker" }).waitFor();
    await panel.getByText("closed", { exact: true }).waitFor();
    await panel.getByRole("button", { name: "Hold open …" }).focus();
    await page.keyboard.press("Enter");
    const sheet = page.getByRole("dialog", { name: "Ask Stripe nothing any more" });
    await clean(opened, "breaker-sheet");
    world.refusals.set("breaker_force", problem("usage", "a reason is missing or too long", "Say why."));
    await sheet.getByLabel(/^Reason/).fill("they asked <b>us</b>");
    await page.keyboard.press("Enter");
    await sheet.getByText("Say why.").waitFor();
    world.refusals.clear();
    await sheet.getByLabel(/^Reason/).press("Enter");
    await sheet.waitFor({ state: "detached" });
    await panel.getByText(/held open by hand.*by mona/s).waitFor();
    await panel.getByText("Why: they asked <b>us</b>").waitFor();
    await page
      .getByRole("row", { name: /Stripe/ })
      .getByText(/Circuit breaker: held open by hand/)
      .waitFor();
    await clean(opened, "breaker");
    expect(world.calls.findLast((call) => call.command === "breaker_force")?.given).toEqual({
      provider: "stripe",
      forced: "open",
      reason: "they asked <b>us</b>",
    });
    await panel.getByRole("button", { name: "Leave it to itself" }).click();
    await panel.getByText("half-open: one may try whether it works again").waitFor();
    await opened.close();
  },
);
