// Being there while the window is closed: tray, notifications, sound, and the question before quitting.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible } from "../axe.mjs";
import { putDesktop } from "../desktop.mjs";
import { startPlatform } from "../platform.mjs";
import { until } from "../process.mjs";

/** An interval, what an outage must have lasted, and what is left for the desktop. */
const TOLD = 30_000;

export async function journey({ desk: lay, shows }) {
  const desk = await lay();
  const heard = join(desk.folder, "heard.raw");
  // Sound goes into a file instead of to a device.
  writeFileSync(
    join(desk.folder, ".asoundrc"),
    `pcm.nowhere { type null }\npcm.!default { type file slave.pcm "nowhere" file "${heard}" format "raw" }\n`,
  );
  const desktop = await putDesktop(desk);
  const platform = await startPlatform(desk.folder);
  const session = await desk.open(["--plan", platform.plan, "--env", "staging"]);
  const line = async () => (await desktop.tray())?.menu[0][0] ?? "";
  const lineIs = (pattern, patience = TOLD) =>
    until(`the tray says ${pattern}`, patience, async () => {
      const said = await line();
      return pattern.test(said) && said;
    });
  const icon = async () => {
    const { icon } = await desktop.tray();
    return readFileSync(icon.endsWith(".png") ? icon : `${icon}.png`).toString("base64");
  };
  const isSeen = async () => (await desktop.windows())["Lifeboat"]?.seen === true;
  const told = async (kind) => (await desktop.notifications()).filter(({ title }) => kind.test(title));
  const shapes = {};

  await shows("the tray saying that all is operational, with its whole menu", async () => {
    const said = await lineIs(/^all operational · Staging$/, 60_000);
    const { menu } = await desktop.tray();
    assert.deepEqual(
      menu.map(([text, can]) => [text.replace(/^all .*/, "STATE"), can]),
      [
        ["STATE", false],
        ["Open Lifeboat", true],
        ["Check now", true],
        ["Mute alarms for 30 minutes", true],
        ["Quit …", true],
      ],
    );
    shapes.quiet = await icon();
    return said;
  });

  await shows("the settings of notifications and sound, without an objection of axe", async () => {
    await session.find("button", /^Re-check all/, { patience: 30_000 });
    await session.press(",");
    await session.click("tab", "Notifications & sound");
    await session.find("text", /^Shown\. Closing the window keeps the checks running/);
    await session.click("button", "Show a test notification");
    await until("the test is shown", 10_000, async () => (await told(/^This is how/)).length === 1);
    await session.click("button", "Play the sound");
    await session.find("text", "Played.", { patience: 20_000 });
    assert.ok(sounded(heard), "nothing was heard");
    writeFileSync(heard, "");
    return accessible(session);
  });

  await shows("the start at login switched on and off", async () => {
    // Some look for it where the desktop has its settings, some always in the same place of the home.
    const files = () => [".config", "config"].map((folder) => join(desk.folder, folder, "autostart/lifeboat.desktop"));
    const choose = (value) =>
      session.execute(
        `const [value] = arguments;
         const set = [...document.querySelectorAll("fieldset")].find((set) => set.textContent.includes("Start at login"));
         [...set.querySelectorAll("input")].find((input) => input.value === value).click();`,
        value,
      );
    await choose("on");
    const file = await until("the entry is there", 10_000, () => files().find(existsSync));
    const command = readFileSync(file, "utf8");
    assert.match(command, /--background --home ".*\/home"/);
    await choose("off");
    await until("the entry is gone", 10_000, () => !files().some(existsSync));
  });

  await shows("the window closed, and checks that go on", async () => {
    assert.ok(await isSeen());
    await desktop.close("Lifeboat");
    await until("the window is gone", 10_000, async () => !(await isSeen()));
    assert.match(desk.windowLog(), /checking goes on in the tray/);
    assert.equal(desk.windows().length, 1);
  });

  await shows("an outage told once, at its root, with a sound and another shape", async () => {
    platform.break();
    const said = await lineIs(/^outage: Host since \d\d:\d\d UTC · /);
    shapes.outage = await icon();
    assert.notEqual(shapes.outage, shapes.quiet);
    await until("the outage is told", TOLD, async () => (await told(/ is out · /)).length > 0);
    await until("it is heard", 10_000, () => sounded(heard));
    return said;
  });

  await shows("its end told while the window is closed, and nothing told twice", async () => {
    platform.mend();
    await until("the end is told", TOLD, async () => (await told(/ works again/)).length > 0);
    await lineIs(/^all operational · /);
    const titles = (await desktop.notifications()).map(({ title }) => title).slice(1);
    assert.deepEqual(titles, ["Host is out · Staging", "Host works again · Staging"]);
    return titles.join(" | ");
  });

  await shows("a click on it opening the window at the check", async () => {
    const [back] = await told(/ works again/);
    assert.ok(back.actions.includes("default"), "it cannot be clicked");
    await desktop.click(back.id);
    await until("the window is back", 10_000, isSeen);
    await until("it is at the check", 10_000, async () =>
      /^#\/status\/check\//.test(await session.execute("return location.hash")),
    );
  });

  await shows("a second start bringing the closed window back", async () => {
    await desktop.close("Lifeboat");
    await until("the window is gone", 10_000, async () => !(await isSeen()));
    const second = await desk.launch();
    assert.equal(second.code, 0, second.stderr);
    await until("the window is back", 10_000, isSeen);
  });

  await shows("muted from the tray, an outage that calls nobody", async () => {
    await desktop.choose("Mute");
    await lineIs(/, muted until \d\d:\d\d UTC · /);
    const before = (await desktop.notifications()).length;
    platform.break();
    const said = await lineIs(/^muted outage: /);
    shapes.attention = await icon();
    assert.equal(new Set(Object.values(shapes)).size, 3, "two states have the same shape");
    platform.mend();
    await lineIs(/^all operational, muted/);
    assert.equal((await desktop.notifications()).length, before);
    return said;
  });

  await shows("the question before quitting, which Esc answers with no", async () => {
    await desktop.choose("Quit");
    await session.find("heading", "Quit Lifeboat?");
    for (const running of [/^2 checks are being watched in Staging/, /mute of everything/])
      await session.find("listitem", running);
    const said = await accessible(session);
    assert.match(await session.focused(), /^Keep running/);
    if (process.env.LIFEBOAT_PICTURES) {
      writeFileSync(join(process.env.LIFEBOAT_PICTURES, "quit.png"), await session.picture());
    }
    await session.press("escape");
    await session.gone("heading", "Quit Lifeboat?");
    assert.equal(desk.windows().length, 1);
    return said;
  });

  await shows("the program ended when the answer is yes, with everything written", async () => {
    await desktop.choose("Quit");
    await session.find("heading", "Quit Lifeboat?");
    // The driver loses its window while it answers.
    await session.click("button", "Quit").catch(() => undefined);
    await until("the program has ended", 15_000, () => desk.windows().length === 0);
    assert.match(desk.windowLog(), /quitting, as was answered/);
    assert.match(desk.windowLog(), /: closed/);
    const verified = await desk.lifeboat("journal", "verify");
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    await platform.end();
  });
}

/** Whether anything but silence went into the file. */
function sounded(file) {
  return existsSync(file) && readFileSync(file).some((byte) => byte !== 0);
}
