// A computer without a keychain service: said in words, and everything else works.

import { accessible } from "../axe.mjs";

export async function journey({ desk: lay, shows }) {
  const desk = await lay({ keychain: false });
  const session = await desk.open();

  await shows("the missing keychain in words, with what it means", async () => {
    await session.find("text", /This computer has no keychain service/, { patience: 20_000 });
    await session.find("text", /stay unknown/);
    return accessible(session);
  });

  await shows("the rest of the window working without it", async () => {
    await session.click("button", "Plan");
    await session.find("heading", "Document control");
    await session.click("button", "Settings");
    await session.find("text", /^Absent/);
  });
}
