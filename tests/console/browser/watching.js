// The watch itself: what it must notice, it notices.
"use strict";

module.exports = {
  async "what the watch must notice"(world) {
    const visitor = await world.visitor();
    const { page } = visitor;
    await visitor.open("/sign-in");
    const noticed = async (what, act, sign) => {
      await page.evaluate(act);
      for (let tries = 0; tries < 50 && !visitor.faults.some((it) => sign.test(it)); tries += 1) {
        await page.waitForTimeout(50);
      }
      world.same(what, visitor.faults.some((it) => sign.test(it)), true);
      visitor.faults.length = 0;
    };
    const inline = `document.body.append(Object.assign(document.createElement("script"),
      { textContent: "window.ran = true" }))`;
    await noticed("an inline script", inline, /violates the policy: script-src/);
    world.same("an inline script runs", await page.evaluate("window.ran"), undefined);
    const picture = `document.body.append(Object.assign(new Image(), { src: "data:image/png,x" }))`;
    await noticed("a picture of elsewhere", picture, /violates the policy: img-src/);
    await noticed("an error", `setTimeout(() => { throw new Error("of mine") })`, /page: of mine/);
    await noticed("a message", `console.error("mine")`, /console: mine/);
    await noticed("an answer", `fetch("/console/unknown")`, /404 of/);
    await noticed("a dialog", `setTimeout(() => alert(1))`, /dialog: 1/);
  },
};
