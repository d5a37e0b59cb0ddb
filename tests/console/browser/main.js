// Runs the scenarios, or draws the pictures.
//
//     main.js CERTLIFE [--only NAME] [--screenshots FOLDER] [--pictures FOLDER]
"use strict";
const fs = require("node:fs");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");
const { Server } = require("./server.js");
const { Visitor } = require("./visitor.js");

const SCENARIOS = {
  ...require("./watching.js"),
  // They take longest.
  ...require("./looks.js"),
  ...require("./deciding.js"),
  ...require("./together.js"),
  ...require("./forms.js"),
  ...require("./safety.js"),
  ...require("./webhooks.js"),
};

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Most of them wait for a page to make itself anew. */
const AT_ONCE = 3;

const wanted = { type: "string" };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: wanted, screenshots: wanted, pictures: wanted },
});

/** What a scenario has: a server, visitors, and what must be equal. */
class World {
  static async make(certlife, browsers, serve) {
    const world = new World();
    world.server = await Server.start(certlife, serve);
    world.visitors = [];
    world.browsers = browsers;
    world.options = options;
    return world;
  }

  async visitor(given = {}) {
    const browser = this.browsers[given.browser ?? 0];
    const visitor = await Visitor.come(browser, this.server, given);
    this.visitors.push(visitor);
    return visitor;
  }

  /** A visitor who has signed in as an administrator. */
  async administrator(given = {}) {
    const visitor = await this.visitor(given);
    const actor = `administrator:${given.name ?? "jane"}`;
    await visitor.signIn(await this.server.tokenOf("administrator", actor));
    return visitor;
  }

  same(what, found, expected) {
    const [one, other] = [found, expected].map((it) => JSON.stringify(it));
    if (one !== other) throw new Error(`${what}: ${one}, and not ${other}`);
  }

  has(what, text, part) {
    if (!text.includes(part)) throw new Error(`${what}: no "${part}" in "${text}"`);
  }

  /** Ends all; what went wrong in the browsers. */
  async end() {
    const faults = this.visitors.flatMap((it) => it.found());
    for (const visitor of this.visitors) await visitor.context.close();
    await this.server.stop();
    return faults;
  }
}

async function passes(name, scenario, certlife, browsers) {
  const start = Date.now();
  const faults = [];
  let world;
  let note;
  try {
    world = await World.make(certlife, browsers, scenario.serve);
    note = await scenario(world);
  } catch (error) {
    faults.push(error.stack);
    const pages = world?.visitors.map((it) => it.page) ?? [];
    for (const page of pages) faults.push(`at ${page.url()}: ${await shown(page)}`);
  }
  faults.push(...((await world?.end()) ?? []));
  const took = ((Date.now() - start) / 1000).toFixed(1);
  const result = faults.length === 0 ? "ok    " : "FAILED";
  console.log(`${result} ${name} (${took} s)${note ? `: ${note}` : ""}`);
  for (const it of faults) console.log(`       ${it}`);
  return faults.length === 0;
}

const shown = (page) =>
  page
    .locator("main")
    .innerText({ timeout: 500 })
    .then((it) => it.slice(0, 500), () => "(no page)");

async function main() {
  const executablePath = CHROMIUM.find((it) => fs.existsSync(it));
  if (!executablePath) throw new Error("as root, run: apt-get install chromium");
  const [certlife] = positionals;
  const scenarios = options.pictures
    ? { pictures: require("./pictures.js").pictures }
    : SCENARIOS;
  const names = Object.keys(scenarios).filter((it) => it.includes(options.only ?? ""));
  if (names.length === 0) throw new Error(`no scenario has a name with ${options.only}`);
  const launched = [1, 2].map(() => chromium.launch({ executablePath }));
  const browsers = await Promise.all(launched);
  let [passed, failed] = [0, 0];
  const takeOne = async () => {
    for (let name = names.shift(); name; name = names.shift()) {
      if (await passes(name, scenarios[name], certlife, browsers)) passed += 1;
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, takeOne));
  for (const browser of browsers) await browser.close();
  console.log(`\nconsole: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(`tests/console: ${error.stack}`);
  process.exit(1);
});
