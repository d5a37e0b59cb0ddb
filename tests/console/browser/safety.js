// What must not happen: after the sign-out, from another site, and without the right.
"use strict";
const http = require("node:http");
const { submission, uuid } = require("./server.js");

/** Sends a form without a browser; the status. */
async function send(url, headers, form) {
  const answer = await fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form),
  });
  return [answer.status, answer.headers.get("location")];
}

/** A site on another port of this machine, with one page. */
async function site(page) {
  const server = http.createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

module.exports = {
  async "what the policy keeps from a page is in the log"(world) {
    const { server } = world;
    const visitor = await world.administrator();
    await visitor.open("/tasks");
    await visitor.page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = 1";
      document.body.append(script);
    });
    world.same("it ran", await visitor.page.evaluate(() => window.ran), undefined);
    await server.logs('directive="script-src-elem" blocked="inline"');
    // The page itself has noticed.
    const own = visitor.faults.splice(0).filter((it) => !/violates the|Content Security/.test(it));
    world.same("faults", own, []);
  },

  async "after the sign-out, nothing is done"(world) {
    const { server } = world;
    await server.submit(submission(1), submission(2));
    const visitor = await world.administrator();
    const { page, context } = visitor;
    await visitor.open(`/applications/${uuid(1)}`);
    const [cookie, ...others] = await context.cookies();
    world.same("cookies", others, []);
    const { name, httpOnly, secure, sameSite, path } = cookie;
    const wanted = ["__Host-certlife", true, true, "Lax", "/"];
    world.same("the cookie", [name, httpOnly, secure, sameSite, path], wanted);
    const headers = { cookie: `${name}=${cookie.value}`, origin: server.url };
    const decide = `${server.console}/applications/${uuid(1)}/decide`;
    const form = { version: 1, action: "accept" };

    // Others are still open when the first one signs out.
    const second = await context.newPage();
    await second.goto(page.url());
    // This one stays as it is, however long the click below takes.
    await second.locator("#pause").click();
    const third = await context.newPage();
    await third.goto(page.url());
    await page.getByRole("button", { name: "Sign out" }).click();
    await visitor.sees("h1", "Sign in");
    world.same("cookies", await context.cookies(), []);
    await second.getByRole("button", { name: "Accept" }).click();
    await second.locator("h1", { hasText: "Sign in" }).waitFor();
    await page.goBack();
    await page.reload();
    await visitor.sees("h1", "Sign in");
    // An open page leaves by itself.
    await third.locator("h1", { hasText: "Sign in" }).waitFor();
    // The cookie was taken, and is sent again.
    world.same("a taken cookie", await send(decide, headers, form), [303, "/console/sign-in"]);
    world.same("events", await server.history(1), ["created"]);
    for (const where of ["", "/queue", "/applications", `/applications/${uuid(1)}`]) {
      await visitor.open(where);
      world.same(`signed out at ${where}`, page.url(), `${server.console}/sign-in`);
    }
  },

  async "from another site, nothing is done"(world) {
    const { server } = world;
    await server.submit(submission(1));
    const decide = `${server.console}/applications/${uuid(1)}/decide`;
    const other = await site(`<form method="post" action="${decide}">
      <input name="version" value="1"><button name="action" value="accept">Win</button></form>`);
    try {
      const visitor = await world.administrator({ origins: [other.url] });
      const { page, context } = visitor;
      const [cookie] = await context.cookies();
      await page.goto(other.url);
      visitor.expect(403);
      // The port is no part of the site: the browser sends the cookie.
      const asked = page.waitForRequest(decide);
      await page.getByRole("button", { name: "Win" }).click();
      const sent = await (await asked).allHeaders();
      world.has("the cookie is sent", sent.cookie ?? "", cookie.value);
      await visitor.sees("[role=alert]", "another site");
      const own = { cookie: `${cookie.name}=${cookie.value}` };
      const form = { version: 1, action: "accept" };
      for (const more of [
        {},
        { origin: "null" },
        { origin: other.url },
        { origin: "https://example.com" },
        { origin: `${server.url}.example.com` },
      ]) {
        const [status] = await send(decide, { ...own, ...more }, form);
        world.same(`with ${JSON.stringify(more)}`, status, 403);
      }
      world.same("events", await server.history(1), ["created"]);
      // The same with its own origin is carried out: it was refused for the origin alone.
      const [status] = await send(decide, { ...own, origin: server.url }, form);
      world.same("its own", status, 303);
      world.same("events", await server.history(1), ["created", "processing"]);
    } finally {
      other.stop();
    }
  },

  async "who may only look sees no buttons, and is refused"(world) {
    const { server } = world;
    await server.submit(submission(1));
    const visitor = await world.visitor();
    const { page, context } = visitor;
    await visitor.signIn(await server.tokenOf("viewer", "administrator:viewer"));
    const buttons = page.getByRole("button", { name: /Accept|Reject|Retry/ });
    for (const where of ["", "/applications", `/applications/${uuid(1)}`]) {
      await visitor.open(where);
      world.same(`buttons at ${where}`, await buttons.count(), 0);
      const text = await page.content();
      world.same(`the address at ${where}`, text.includes("applicant1@"), false);
    }
    visitor.expect(403);
    await visitor.open("/queue");
    await visitor.sees("[role=alert]", "role does not allow");
    const [cookie] = await context.cookies();
    const own = { cookie: `${cookie.name}=${cookie.value}`, origin: server.url };
    const decide = `${server.console}/applications/${uuid(1)}/decide`;
    const one = await send(decide, own, { version: 1, action: "accept" });
    world.same("one", one[0], 403);
    const selected = { selected: `${uuid(1)} 1`, action: "reject", reason: "mine" };
    const many = await send(`${server.console}/applications/decide`, own, selected);
    world.same("many", many[0], 403);
    world.same("events", await server.history(1), ["created"]);
  },
};
