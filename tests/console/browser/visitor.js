// A browser of one user: what goes wrong in it is noted, and fails the scenario.
"use strict";

/** What a page of the console shall never meet: runs before its own script. */
const WATCH = `document.addEventListener("securitypolicyviolation", (it) =>
  console.error("violates the policy: " + it.violatedDirective + " " + it.blockedURI));`;

class Visitor {
  /** A browser without cookies and cache. With `state`, it has the cookies of another. */
  static async come(browser, server, options = {}) {
    const { width = 1280, height = 900, scheme = "light", language = "en-GB" } = options;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale: language,
      javaScriptEnabled: options.javaScript ?? true,
      storageState: options.state,
    });
    context.setDefaultTimeout(60_000);
    const visitor = new Visitor();
    Object.assign(visitor, { context, server, faults: [], expected: [], refusals: 0 });
    visitor.origins = [server.url, ...(options.origins ?? [])];
    if (options.javaScript ?? true) await context.addInitScript(WATCH);
    visitor.watch();
    visitor.page = await context.newPage();
    return visitor;
  }

  watch() {
    const fault = (text) => this.faults.push(text);
    this.context.on("console", (it) => {
      if (!["error", "warning"].includes(it.type())) return;
      // The answer's status is judged below.
      if (/^Failed to load resource: the server responded with a status/.test(it.text())) return;
      fault(`console: ${it.text()} (${it.page()?.url()})`);
    });
    this.context.on("weberror", (it) => fault(`page: ${it.error().message}`));
    this.context.on("dialog", async (it) => {
      fault(`dialog: ${it.message()}`);
      await it.dismiss();
    });
    this.context.on("request", (it) => {
      const { origin } = new URL(it.url());
      if (!this.origins.includes(origin)) fault(`a request to ${it.url()}`);
    });
    this.context.on("response", (it) => {
      if (it.status() < 400) return;
      this.refusals += 1;
      if (this.tolerated === it.status()) return;
      const at = this.expected.indexOf(it.status());
      if (at < 0) fault(`${it.status()} of ${it.url()}`);
      else this.expected.splice(at, 1);
    });
  }

  /** An answer of this status is to come, once. */
  expect(status) {
    this.expected.push(status);
  }

  /** Answers of this status may come. */
  tolerate(status) {
    this.tolerated = status;
  }

  /** What went wrong, and what did not come. */
  found() {
    return [...this.faults, ...this.expected.map((it) => `an answer ${it} did not come`)];
  }

  /** Opens a page of the console. */
  async open(where = "") {
    return this.page.goto(this.server.console + where);
  }

  async signIn(token) {
    await this.open("/sign-in");
    await this.page.fill("#token", token);
    await this.page.click("form button.main");
    await this.page.waitForURL(this.server.console);
  }

  /** Waits until something is shown. */
  async sees(selector, text, timeout = 60_000) {
    const found = this.page.locator(selector).filter({ hasText: text ?? "" });
    await found.first().waitFor({ timeout });
  }

  async text(selector = "main") {
    return this.page.locator(selector).first().innerText();
  }
}

module.exports = { Visitor };
