// Settings > Credentials in a real browser: added, tried, replaced, removed and had back, with and without a keychain.

import type { Server } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, serve } from "./bridge";
import { clean, sideways } from "./look";
import { problem, World } from "./world";

const VALUE = 'hunter2-\u20ac-"quoted"';

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

/** Whether the value stands anywhere in the page: in its text, in an attribute, or in a field. */
const shows = (page: Page) =>
  page.evaluate(
    (value) =>
      document.documentElement.outerHTML.includes(value.slice(0, 7)) ||
      [...document.querySelectorAll("input")].some((field) => field.value.includes(value.slice(0, 7))),
    VALUE,
  );

test.each(["light", "dark"] as const)(
  "a credential is added with the keyboard, tried, replaced, removed and had back (%s)",
  { timeout: 240_000 },
  async (colorScheme) => {
    const world = new World();
    const opened = await open(browser, address, { world, colorScheme, hash: "#/settings/credentials" });
    const { page } = opened;
    const row = (handle: string) => page.getByRole("row", { name: new RegExp(handle) });
    await row("slack-webhook").getByText("MISSING").waitFor();
    expect(await page.getByRole("button", { name: "Test: slack-webhook" }).count()).toBe(0);
    expect(await page.getByRole("button", { name: "Replace: database-password" }).count()).toBe(0);
    await clean(opened, `credentials-${colorScheme}`);

    const adding = page.getByRole("button", { name: "Add: slack-webhook" });
    await adding.focus();
    await page.keyboard.press("Enter");
    const sheet = page.getByRole("dialog", { name: "Add slack-webhook" });
    const field = sheet.getByLabel("Value");
    expect([await field.getAttribute("type"), await field.getAttribute("autocomplete")]).toEqual(["password", "off"]);
    await clean(opened, `credential-sheet-${colorScheme}`);
    await page.keyboard.press("Enter");
    await sheet.getByText("Nothing was given.").waitFor();
    world.refusals.set("credential_set", problem("keychain-locked", "the keychain is locked", "Unlock it."));
    await field.fill(VALUE);
    await page.keyboard.press("Enter");
    await sheet.getByText("Unlock it.").waitFor();
    expect(await field.inputValue()).toBe("");
    world.refusals.clear();
    await field.fill(VALUE);
    await page.keyboard.press("Enter");
    await sheet.waitFor({ state: "detached" });
    await row("slack-webhook").getByText("Stored", { exact: true }).waitFor();
    expect(world.calls.findLast((call) => call.command === "credential_set")?.given).toEqual({
      handle: "slack-webhook",
      value: VALUE,
      place: "keychain",
    });
    expect(await shows(page)).toBe(false);

    world.accepts = "no";
    await page.getByRole("button", { name: "Test: slack-webhook" }).click();
    await page.getByText("slack-webhook is not accepted.").first().waitFor();
    await page.getByText("not authenticated").waitFor();
    await page
      .getByText(/wrong, expired or was taken back/)
      .first()
      .waitFor();
    await clean(opened, `credential-refused-${colorScheme}`);
    world.accepts = "yes";
    await page.getByRole("button", { name: "Replace: slack-webhook" }).click();
    await page.getByRole("dialog", { name: "Replace slack-webhook" }).getByLabel("Value").fill(VALUE);
    await page.getByRole("button", { name: "Store", exact: true }).click();
    await page.getByText("not authenticated").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Test: slack-webhook" }).click();
    await page.getByText("slack-webhook is accepted.").first().waitFor();

    await page.getByRole("button", { name: "Remove: slack-webhook" }).click();
    const confirming = page.getByRole("dialog", { name: "Remove slack-webhook?" });
    await confirming.getByRole("button", { name: "Keep it" }).click();
    await row("slack-webhook").getByText("Stored", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Remove: slack-webhook" }).click();
    await confirming.getByRole("button", { name: "Remove" }).click();
    await row("slack-webhook").getByText("MISSING").waitFor();
    await page.getByRole("button", { name: "Undo: slack-webhook" }).click();
    await row("slack-webhook").getByText("Stored", { exact: true }).waitFor();
    expect(await shows(page)).toBe(false);
    await page.setViewportSize({ width: 480, height: 800 });
    expect(await sideways(page)).toBe(0);
    await opened.close();
  },
);

test("without a keychain the window says so and offers the session or an encrypted file", async () => {
  const world = new World();
  world.keychain = { state: "absent", detail: "No session bus." };
  const opened = await open(browser, address, { world, hash: "#/settings/credentials" });
  const { page } = opened;
  const banner = page.getByRole("group", { name: "This computer has no keychain." });
  await banner.getByText("No session bus.").waitFor();
  expect(await banner.getByRole("button", { name: "Unlock" }).count()).toBe(0);
  await clean(opened, "credentials-without-keychain");
  await page.getByRole("button", { name: "Add: slack-webhook" }).click();
  let sheet = page.getByRole("dialog", { name: "Add slack-webhook" });
  expect(await sheet.getByRole("radio").count()).toBe(2);
  await sheet.getByLabel("Value").fill(VALUE);
  await sheet.getByRole("button", { name: "Store" }).click();
  await sheet.waitFor({ state: "detached" });
  expect(world.calls.findLast((call) => call.command === "credential_set")?.given["place"]).toBe("session");

  await banner.getByRole("button", { name: "Encrypted file …" }).click();
  sheet = page.getByRole("dialog", { name: "An encrypted file for credentials" });
  await sheet.getByLabel(/12 characters/).fill("correct horse battery");
  await sheet.getByLabel("Once more").fill("correct horse batterz");
  await sheet.getByRole("button", { name: "Use this passphrase" }).click();
  await sheet.getByText("The two passphrases differ.").waitFor();
  await sheet.getByLabel(/12 characters/).fill("correct horse battery");
  await sheet.getByLabel("Once more").fill("correct horse battery");
  await sheet.getByRole("button", { name: "Use this passphrase" }).click();
  await sheet.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Replace: slack-webhook" }).click();
  sheet = page.getByRole("dialog", { name: "Replace slack-webhook" });
  expect(await sheet.getByRole("radio", { name: /encrypted file/ }).isChecked()).toBe(true);
  await opened.close();
});

test("a locked keychain is unlocked from the window", async () => {
  const world = new World();
  world.keychain = { state: "locked", detail: "Unlock it, then look again." };
  const { page, close } = await open(browser, address, { world, hash: "#/settings/credentials" });
  const banner = page.getByRole("group", { name: "This computer’s keychain is locked." });
  await banner.getByRole("button", { name: "Unlock" }).click();
  await banner.waitFor({ state: "detached" });
  await page.getByText("Kept in this computer’s keychain: GNOME Keyring, unlocked.").waitFor();
  await close();
});
