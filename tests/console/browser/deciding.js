// One administrator at work.
"use strict";
const { REASONS, submission, uuid } = require("./server.js");

/** An open page makes itself anew every 5 s. */
const LIVE = 60_000;

const figure = (heading) => `section:has(#${heading}) .figure`;

/** Tabs until a button of this name has the focus. */
async function tabTo(page, name) {
  for (let tabs = 0; tabs < 10; tabs += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate("document.activeElement.textContent")) === name) return;
  }
  throw new Error(`no button ${name} is reached by Tab`);
}

module.exports = {
  async "sign in, decide by keyboard, retry, and see it arrive"(world) {
    const { server } = world;
    const visitor = await world.visitor();
    const { page } = visitor;
    await visitor.open();
    world.same("without a session", page.url(), `${server.console}/sign-in`);
    const token = await server.tokenOf("administrator", "administrator:jane");
    const wrong = token.replace(/.$/, (it) => (it === "A" ? "B" : "A"));
    visitor.expect(403);
    await page.fill("#token", wrong);
    await page.keyboard.press("Enter");
    await visitor.sees("[role=alert]", "unknown, expired or revoked");
    world.same("the token is gone", await page.inputValue("#token"), "");
    await page.fill("#token", token);
    await page.keyboard.press("Enter");
    await page.waitForURL(server.console);
    world.same("waits", await visitor.text(figure("waiting")), "0");

    // They arrive on the open page.
    await server.submit(...[1, 2, 3, 4].map((it) => submission(it)));
    await visitor.sees(figure("waiting"), "4", LIVE);

    await page.getByRole("link", { name: "Decide" }).first().click();
    await visitor.sees("article h2", "number 1");
    await page.keyboard.press("?");
    await visitor.sees("#keys", "a accept");
    await page.keyboard.press("?");
    await page.locator("#keys").waitFor({ state: "hidden" });
    await page.keyboard.press("j");
    await visitor.sees("article h2", "number 2");
    await page.keyboard.press("k");
    await visitor.sees("article h2", "number 1");

    // Held down: the next one is not decided as well.
    await page.keyboard.down("a");
    await visitor.sees("article h2", "number 2");
    await visitor.sees("[role=status]", "accepted");
    await page.keyboard.down("a");
    await page.keyboard.down("a");
    await page.keyboard.up("a");
    await page.waitForTimeout(300);
    await visitor.sees("article h2", "number 2");

    await page.keyboard.press("r");
    await page.keyboard.type("a reason, k? j");
    world.same("typed", await page.inputValue("#reason"), "a reason, k? j");
    await page.keyboard.press("Escape");
    await page.keyboard.press("r");
    await page.keyboard.press("Enter");
    await page.keyboard.type("second line");
    await tabTo(page, "Reject");
    await page.keyboard.press("Enter");
    await visitor.sees("[role=status]", "rejected");
    await visitor.sees("article h2", "number 3");
    await page.keyboard.press("Tab");
    await page.selectOption("#offered", REASONS[0]);
    world.same("offered", await page.inputValue("#reason"), REASONS[0]);
    await page.getByRole("button", { name: "Reject" }).click();
    await visitor.sees("article h2", "number 4");
    await page.keyboard.press("a");
    await visitor.sees("main", "Nothing waits for a decision");
    const expected = ["processing", "rejected", "rejected", "processing"];
    const found = await Promise.all([1, 2, 3, 4].map((it) => server.history(it)));
    world.same("decided", found, expected.map((it) => ["created", it]));

    await page.getByRole("link", { name: "Applications", exact: true }).click();
    await page.getByRole("link", { name: "Certificate number 2" }).click();
    world.has("the reason", await visitor.text("dl"), "a reason, k? j\nsecond line");
    await visitor.open("/applications");
    await page.getByRole("link", { name: "Certificate number 1" }).click();
    await visitor.sees("dl .badge", "processing");
    await server.fail(1, "The rendering service\ndid not answer");
    await visitor.sees("dl .badge", "failed", LIVE);
    world.has("the error", await visitor.text("dl"), "The rendering service\ndid not answer");
    await page.getByRole("button", { name: "Retry" }).click();
    await visitor.sees("dl .badge", "retried");
    await visitor.sees("[role=status]", "processed again");
    await server.approve(1);
    await visitor.sees("dl .badge", "approved", LIVE);
    world.same("an old notice", await page.locator("[role=status]").count(), 0);
    const went = ["created", "processing", "failed", "retried", "approved"];
    world.same("history", await server.history(1), went);
  },

  async "what is typed stays, whatever arrives"(world) {
    const { server } = world;
    await server.submit(submission(1));
    const visitor = await world.administrator();
    const { page } = visitor;
    await visitor.open(`/applications/${uuid(1)}`);
    await page.fill("#reason", "half of a rea");
    await page.evaluate("document.activeElement.blur()");
    await server.accept(1);
    await page.waitForTimeout(5500);
    world.same("typed", await page.inputValue("#reason"), "half of a rea");
    await visitor.open("/applications");
    await page.selectOption("#order", "oldest");
    await page.evaluate("document.activeElement.blur()");
    await page.waitForTimeout(5500);
    world.same("chosen", await page.inputValue("#order"), "oldest");
    await page.selectOption("#order", "");
    await page.evaluate("document.activeElement.blur()");
    await page.getByRole("button", { name: "Pause updates" }).click();
    await server.fail(1, "of no interest");
    await page.waitForTimeout(5500);
    world.same("paused", await visitor.text("tbody .badge"), "processing");
    await page.getByRole("button", { name: "Resume updates" }).click();
    await visitor.sees("tbody .badge", "failed", LIVE);
  },

  async "a page of events that is held says that it may be behind"(world) {
    const { server } = world;
    await server.submit(submission(1));
    const visitor = await world.administrator();
    const { page } = visitor;
    const unseen = page.locator("#unseen");
    const rows = () => page.locator("tbody tr").count();
    await visitor.open("/events");
    world.same("at first", await rows(), 1);
    // By itself, as soon as there is word of it.
    await page.waitForTimeout(2500);
    await server.accept(1);
    await visitor.sees("tbody .badge", "processing", LIVE);
    world.same("nothing is unseen", await unseen.isVisible(), false);
    await page.getByRole("button", { name: "Pause updates" }).click();
    world.same("held, and nothing has changed", await unseen.isVisible(), false);
    await server.fail(1, "of no interest");
    await visitor.sees("#unseen", "There may be changes", LIVE);
    await page.waitForTimeout(5500);
    world.same("held", await rows(), 2);
    await page.getByRole("button", { name: "Resume updates" }).click();
    await visitor.sees("tbody .badge", "failed", LIVE);
    world.same("all is seen", [await rows(), await unseen.isVisible()], [3, false]);
    // The event as it is sent; as long as it is open, the page stays.
    await page.locator("tbody details summary").first().click();
    world.has("JSON", await visitor.text("tbody pre"), "certificate_application.failed");
    await visitor.open("/events?event=created&before=999999");
    world.same("an older page is not live", await page.locator("#pause").count(), 0);
  },
};
