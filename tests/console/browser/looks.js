// Every page, in both schemes and languages, narrow and wide, with hostile texts.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { HOSTILE, PAGES, WEBHOOK, hostile, long, webhook } = require("./pages.js");
const { submission, uuid } = require("./server.js");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [
  [360, 740],
  [2560, 1300],
];
const READERS = [
  { scheme: "light", language: "en-GB" },
  { scheme: "dark", language: "de-DE" },
];
const MOST_REQUESTS = 3;
const MOST_BYTES = 100 * 1024;

/** Looks at the page that is open, at each width. */
async function look(world, visitor, name, scheme) {
  const { page } = visitor;
  for (const [width, height] of WIDTHS) {
    await page.setViewportSize({ width, height });
    const at = `${name} ${scheme} ${width}`;
    const found = await page.evaluate(() =>
      globalThis.axe.run(document, { resultTypes: ["violations"] }));
    for (const it of found.violations) {
      if (!["serious", "critical"].includes(it.impact)) continue;
      const where = it.nodes.map((node) => `${node.html.slice(0, 150)} ${node.failureSummary}`);
      visitor.faults.push(`${at}: axe: ${it.id}: ${it.help}: ${where[0]}`);
    }
    const wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    if (wide > 0) visitor.faults.push(`${at}: ${wide} pixels too wide`);
    const ran = await page.evaluate(`window.ran ?? document.querySelectorAll(
      "main img, main script, #stray, [onload], [onerror]").length`);
    if (ran !== 0) visitor.faults.push(`${at}: markup of an application: ${ran}`);
    const folder = world.options.screenshots;
    if (folder && name !== "worse") {
      fs.mkdirSync(folder, { recursive: true });
      const file = path.join(folder, `${name}-${width}-${scheme}.png`);
      await page.screenshot({ path: file, fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Pages that come as the answer to a form, or to a mistake. */
async function answers(world, visitor, numbers, see) {
  const { server } = world;
  const { page } = visitor;
  const press = async (action) => {
    await Promise.all([page.waitForEvent("load"), page.click(`button[value=${action}]`)]);
  };
  visitor.expect(404);
  await visitor.open("/unknown");
  await see("unknown");
  visitor.expect(422);
  await visitor.open("/applications?number=x&from=<script>&email=\u202e");
  await see("wrong-filter");

  // Every character has 12 bytes in the form.
  visitor.expect(422);
  await visitor.open(`/applications/${uuid(numbers[0])}`);
  const typed = long("🎓", 10_000);
  await page.fill("#reason", typed);
  await press("reject");
  world.same("kept", (await page.inputValue("#reason")) === typed, true);
  await see("too-long");

  await visitor.open(`/applications/${uuid(numbers[0])}`);
  await page.fill("#reason", HOSTILE.slice(0, 5).join("\n").replaceAll("\0", ""));
  await server.accept(numbers[0]);
  visitor.expect(409);
  await press("reject");
  await see("conflict");

  await visitor.open("/applications?status=created&order=oldest");
  for (const it of numbers.slice(1)) await page.check(`[value="${uuid(it)} 1"]`);
  await server.reject(numbers[1], HOSTILE[0]);
  await page.fill("#reason", HOSTILE[1]);
  await press("reject");
  await see("decided");
}

/** The settings of a webhook, wrong at first, and then beside another change. */
async function settings(world, visitor, see) {
  const { page } = visitor;
  const save = async () => {
    const button = "form[action$=settings] button";
    await Promise.all([page.waitForEvent("load"), page.click(button)]);
  };
  await visitor.open(`/webhooks/${WEBHOOK}/settings`);
  await page.fill("#url", `http://example.com/${long("W", 300)}`);
  await page.fill("#headers", `${HOSTILE[0]}\n${long("W", 300)}`);
  visitor.expect(422);
  await save();
  await see("webhook-settings-wrong");
  await page.fill("#url", "https://example.com/");
  await page.fill("#headers", "x-key");
  const body = { description: `${HOSTILE[1]} ${Date.now()}` };
  await world.server.api("PATCH", `/v1/webhooks/${WEBHOOK}`, { body });
  visitor.expect(409);
  await save();
  await see("webhook-settings-conflict");
}

module.exports = {
  async "what the look at a page must notice"(world) {
    const visitor = await world.visitor();
    await visitor.context.addInitScript(AXE);
    await visitor.open("/sign-in");
    await visitor.page.evaluate(() => {
      document.querySelector("main label").remove();
      document.querySelector("main h1").style.width = "3000px";
      globalThis.ran = 1;
    });
    await look(world, visitor, "worse", "light");
    const signs = [/axe: label: /, /pixels too wide/, /markup of an application: 1/];
    for (const sign of signs) {
      world.same(`${sign}`, visitor.faults.filter((it) => sign.test(it)).length, WIDTHS.length);
    }
    visitor.faults.length = 0;
  },

  async "every page, in both schemes, narrow and wide"(world) {
    const { server } = world;
    await hostile(server);
    let pages = 0;
    for (const [index, { scheme, language }] of READERS.entries()) {
      const visitor = await world.visitor({ scheme, language });
      // The page's own policy would refuse it as an element.
      await visitor.context.addInitScript(AXE);
      const see = async (name) => {
        pages += 1;
        await look(world, visitor, name, scheme);
      };
      await visitor.open("/sign-in");
      await see("sign-in");
      visitor.expect(403);
      await visitor.page.fill("#token", "wrong");
      await visitor.page.keyboard.press("Enter");
      await visitor.sees("[role=alert]");
      await see("sign-in-wrong");
      const actor = `administrator:<b>${scheme}</b>`;
      await visitor.signIn(await server.tokenOf("administrator", actor));
      for (const [name, where] of Object.entries(PAGES)) {
        await visitor.open(where);
        await see(name);
      }
      await answers(world, visitor, [51, 53, 55].map((it) => it + index), see);
      await settings(world, visitor, see);
      if (index === 1) {
        await server.accept(1, ...Array.from({ length: 60 }, (_, it) => it + 1).slice(9)
          .filter((it) => it < 51 || it > 56));
        for (const it of READERS) {
          await visitor.page.emulateMedia({ colorScheme: it.scheme });
          await visitor.open("/queue");
          await look(world, visitor, "queue-empty", it.scheme);
        }
      }
    }
    return `${pages} pages at ${WIDTHS.length} widths`;
  },

  async "the first view of each page is small"(world) {
    const { server } = world;
    const title = long("A title that is as long as can be; ", 255);
    await webhook(server, "https://example.com/hooks", title);
    await server.submit(...Array.from({ length: 60 }, (_, it) => submission(it + 1, title)));
    await server.reject(2, long("reason ", 1000));
    await server.accept(3, 4);
    await server.fail(3, long("error ", 1000));
    await server.approve(4);
    const state = await (await world.administrator()).context.storageState();
    let [most, largest] = [0, 0];
    for (const [name, where] of Object.entries({ "sign-in": "/sign-in", ...PAGES })) {
      const visitor = await world.visitor({ state });
      const requests = [];
      visitor.context.on("requestfinished", (it) => requests.push(it));
      await visitor.open(where);
      await visitor.page.waitForLoadState("networkidle");
      const counted = requests.filter((it) => !it.url().includes(".svg"));
      const sizes = await Promise.all(counted.map((it) => it.sizes()));
      const parts = sizes.map((it) => it.responseBodySize + it.responseHeadersSize);
      const bytes = parts.reduce((sum, it) => sum + it, 0);
      if (counted.length > MOST_REQUESTS || bytes > MOST_BYTES) {
        visitor.faults.push(`${name}: ${counted.length} requests, ${bytes} bytes`);
      }
      [most, largest] = [Math.max(most, counted.length), Math.max(largest, bytes)];
    }
    return `at most ${most} requests, ${Math.ceil(largest / 1024)} KiB`;
  },
};
