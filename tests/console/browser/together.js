// Several administrators at once.
"use strict";
const { submission, uuid } = require("./server.js");

const numbers = (count) => Array.from({ length: count }, (_, it) => it + 1);

module.exports = {
  async "a conflict between two windows"(world) {
    const { server } = world;
    await server.submit(submission(1), submission(2));
    const one = await world.administrator({ name: "jane" });
    const other = await world.administrator({ name: "bob" });
    for (const it of [one, other]) await it.open(`/applications/${uuid(1)}`);
    await one.page.fill("#reason", "the first reason");
    await other.page.fill("#reason", "the second reason,\nin <b>two</b> lines");
    await one.page.getByRole("button", { name: "Reject" }).click();
    await one.sees("[role=status]", "rejected");
    other.expect(409);
    await other.page.getByRole("button", { name: "Reject" }).click();
    await other.sees("[role=alert]", "changed meanwhile");
    world.has("its state", await other.text("dl"), "rejected");
    world.has("its reason", await other.text("dl"), "the first reason");
    const kept = await other.text("[role=alert] blockquote");
    world.has("what was typed", kept, "the second reason,\nin <b>two</b> lines");
    world.same("events", await server.history(1), ["created", "rejected"]);

    // In the queue, and what may still be done is a button.
    await other.open("/queue");
    await other.sees("article h2", "number 2");
    await server.accept(2);
    await server.fail(2, "the printer is on fire");
    await other.page.fill("#reason", "typed in the queue");
    other.expect(409);
    await other.page.getByRole("button", { name: "Reject" }).click();
    await other.sees("[role=alert]", "changed meanwhile");
    world.has("its error", await other.text("dl"), "the printer is on fire");
    world.has("typed", await other.text("[role=alert] blockquote"), "typed in the queue");
    await other.page.getByRole("button", { name: "Retry" }).click();
    await other.sees("dl .badge", "retried");
  },

  async "a decision over a selection, some of it refused"(world) {
    const { server } = world;
    await server.submit(...numbers(30).map((it) => submission(it)));
    const visitor = await world.administrator();
    const { page } = visitor;
    const button = (name) => page.getByRole("button", { name });
    await visitor.open("/applications?status=created&order=oldest");
    await page.check("#all");
    world.same("selected", await page.locator("[name=selected]:checked").count(), 30);
    await page.locator("[name=selected]").nth(9).uncheck();
    // Another administrator decides, and the selection stays.
    await server.accept(3, 5);
    await server.reject(7, "of another");
    await page.waitForTimeout(5500);
    world.same("selected", await page.locator("[name=selected]:checked").count(), 29);
    await button("Accept").click();
    await visitor.sees("[role=status]", "26 applications are done.");
    const refused = await page.locator("[role=alert] li").allInnerTexts();
    const why = "It has changed meanwhile: nothing was done.";
    world.same("the others", refused, [3, 5, 7].map((it) => `Certificate number ${it} ${why}`));
    const kinds = await Promise.all(numbers(30).map((it) => server.history(it)));
    const last = kinds.map((it) => it.slice(1).join());
    const expected = numbers(30).map((it) =>
      it === 7 ? "rejected" : it === 10 ? "" : "processing");
    world.same("decided", last, expected);
    await page.getByRole("link", { name: "Back" }).click();
    world.same("the filter", new URL(page.url()).search, "?status=created&order=oldest");
    world.same("what is left", await page.locator("tbody tr").count(), 1);

    // Enter beside the reason rejects; without a reason, nothing is done.
    visitor.expect(422);
    await page.check("[name=selected]");
    await page.locator("#reason").press("Enter");
    await visitor.sees("[role=alert]", "A rejection needs a reason");
    await page.goBack();
    await page.check("[name=selected]");
    await page.fill("#reason", "by Enter");
    await page.locator("#reason").press("Enter");
    await visitor.sees("[role=status]", "1 application is done.");
    world.same("by Enter", await server.history(10), ["created", "rejected"]);

    // Retry: two that have failed, one that has not.
    await server.fail(1, "the same error");
    await server.fail(2, "the same error");
    await visitor.open("/applications?order=oldest&number=1");
    await visitor.open("/applications?status=failed");
    await page.check("#all");
    await server.retry(1);
    await button("Retry").click();
    await visitor.sees("[role=status]", "1 application is done.");
    world.has("the other", await visitor.text("[role=alert]"), "Certificate number 1");
    visitor.expect(422);
    await visitor.open("/applications");
    await button("Accept").click();
    await visitor.sees("[role=alert]", "No application was selected.");
  },

  async "a decision about a thousand, some of it refused"(world) {
    const { server } = world;
    await server.submit(...numbers(1000).map((it) => submission(it)));
    const refused = [3, 5, 7, 500, 998, 999];
    for (const it of refused) await server.reject(it, "of another");
    const visitor = await world.administrator();
    const { page } = visitor;
    // What happens in the second of the question is left out.
    await page.waitForTimeout(1100);
    await visitor.open("/applications?title=Certificate");
    await page.locator("a[href*='/applications/all?']").click();
    await visitor.sees("main", "1000 applications");
    // So is what changes later: it is another than was shown.
    await server.reject(9, "of another");
    await page.fill("#reason", "all of them");
    await page.getByRole("button", { name: "Reject" }).click();
    await visitor.sees("dd", "993 / 1000", 60_000);
    await visitor.sees("main", "done ·", 60_000);
    const links = await page.locator(".fault a").evaluateAll((all) =>
      all.map((it) => it.pathname.split("/").pop()));
    world.same("refused", links.sort(), refused.map(uuid));
    world.same("one of them", await server.history(1000), ["created", "rejected"]);
    world.same("left out", await server.history(9), ["created", "rejected"]);
    const { data } = await server.api("GET", "/v1/counts");
    const counts = data.filter((it) => it.applications > 0);
    world.same("counts", counts.map((it) => [it.status, it.applications]), [["rejected", 1000]]);
  },

  async "two browsers in one queue, as fast as they can"(world) {
    const { server } = world;
    const COUNT = 60;
    await server.submit(...numbers(COUNT).map((it) => submission(it)));
    const all = [
      await world.administrator({ name: "jane", browser: 0 }),
      await world.administrator({ name: "bob", browser: 1 }),
    ];
    // Both see the first one before either decides.
    for (const it of all) {
      it.tolerate(409);
      await it.open("/queue");
      await it.sees("article h2", "number 1");
    }
    await Promise.all(all.map((it, index) => decideAll(it, index, COUNT)));
    const conflicts = all.reduce((sum, it) => sum + it.refusals, 0);
    let [accepted, rejected] = [0, 0];
    for (const number of numbers(COUNT)) {
      const [first, decision, ...more] = await server.history(number);
      world.same(`events of ${number}`, [first, more], ["created", []]);
      if (decision === "processing") accepted += 1;
      else if (decision === "rejected") rejected += 1;
    }
    world.same("decided", accepted + rejected, COUNT);
    if (conflicts === 0) throw new Error("they never met");
    return `${accepted} accepted, ${rejected} rejected, ${conflicts} conflicts`;
  },
};

/** Goes through the queue until nothing waits. */
async function decideAll({ page, server }, index, count) {
  for (let turn = 0; turn < 4 * count; turn += 1) {
    if ((await page.locator("[data-queue]").count()) === 0) {
      if ((await page.locator("main").innerText()).includes("Nothing waits")) return;
      await page.goto(`${server.console}/queue`);
      continue;
    }
    const isRejected = (turn + index) % 3 === 0;
    if (isRejected) await page.fill("#reason", `reason ${index} ${turn}`);
    const button = page.getByRole("button", { name: isRejected ? "Reject" : "Accept" });
    // One of them clicks twice, as many do.
    await Promise.all([
      page.waitForEvent("load"),
      index === 0 ? button.click({ noWaitAfter: true }) : button.dblclick({ noWaitAfter: true }),
    ]);
  }
  throw new Error("the queue has no end");
}
