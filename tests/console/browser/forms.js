// Without JavaScript: everything by links and forms.
"use strict";
const { REASONS, submission, uuid } = require("./server.js");

module.exports = {
  async "without JavaScript"(world) {
    const { server } = world;
    await server.submit(...[1, 2, 3, 4, 5].map((it) => submission(it)));
    const visitor = await world.visitor({ javaScript: false });
    const { page } = visitor;
    const button = (name) => page.getByRole("button", { name, exact: true });
    const link = (name) => page.getByRole("link", { name, exact: true });
    await visitor.open();
    await page.fill("#token", await server.tokenOf("administrator", "administrator:jane"));
    await button("Sign in").click();
    await visitor.sees("h1", "Overview");
    // What needs the script is not there.
    world.same("pause", await page.locator("#pause").isVisible(), false);

    await link("Applications").click();
    world.same("all", await page.locator("#all").isVisible(), false);
    await page.selectOption("#status", "created");
    await page.fill("#title", "number 4");
    await button("Filter").click();
    world.same("found", await page.locator("tbody tr").count(), 1);
    world.has("the URL", page.url(), "status=created&source=&number=&title=number+4");
    await link("Certificate number 4").click();
    world.same("offered", await page.locator("#offered option").count(), 3);
    await button("Accept").click();
    await visitor.sees("[role=status]", "accepted");
    await server.fail(4, "an error");
    await page.reload();
    await button("Retry").click();
    await visitor.sees("[role=status]", "processed again");

    await link("Decide").click();
    await button("Accept").click();
    await visitor.sees("[role=status]", "accepted");
    await visitor.sees("article h2", "number 2");
    await link("Skip").click();
    await visitor.sees("article h2", "number 3");
    visitor.expect(422);
    await button("Reject").click();
    await visitor.sees("[role=alert]", "A rejection needs a reason");
    await page.selectOption("#offered", REASONS[0]);
    await page.fill("#reason", "by a form");
    await button("Reject").click();
    await visitor.sees("[role=status]", "rejected");

    await link("Applications").click();
    for (const it of [2, 5]) await page.getByLabel(`Select ${it}`, { exact: true }).check();
    await page.fill("#reason", "both");
    await button("Reject").click();
    await visitor.sees("[role=status]", "2 applications are done.");
    await button("Sign out").click();
    await visitor.sees("h1", "Sign in");
    await visitor.open(`/applications/${uuid(1)}`);
    await visitor.sees("h1", "Sign in");
    const expected = [
      ["created", "processing"],
      ["created", "rejected"],
      ["created", "rejected"],
      ["created", "processing", "failed", "retried"],
      ["created", "rejected"],
    ];
    const found = await Promise.all([1, 2, 3, 4, 5].map((it) => server.history(it)));
    world.same("decided", found, expected);
  },
};
