// A webhook, from its registration to its removal.
"use strict";
const http = require("node:http");
const { setTimeout: sleep } = require("node:timers/promises");
const { submission } = require("./server.js");

/** A receiver on this machine: it answers with `status`, and keeps what came. */
async function receiver() {
  const it = { status: 500, requests: [] };
  const server = http.createServer((request, answer) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      it.requests.push({ headers: request.headers, body });
      answer.statusCode = it.status;
      answer.end(`<b>${it.status}</b>`);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  it.url = `http://127.0.0.1:${server.address().port}/hook`;
  it.stop = () => server.close();
  return it;
}

/** Waits until the API shows so many deliveries like this. */
async function until(world, query, isIt, count = 1) {
  for (let tries = 0; tries < 600; tries += 1) {
    const { data } = await world.server.api("GET", `/v1/deliveries?${query}`);
    if (data.length === count && data.every(isIt)) return data;
    await sleep(100);
  }
  throw new Error(`no deliveries ${query} came`);
}

/** Registers it, and sends a test event; its path and its secret. */
async function register(world, visitor, hook) {
  const { page } = visitor;
  const button = (name) => page.getByRole("button", { name, exact: true });
  await visitor.open("/webhooks");
  await page.getByRole("link", { name: "Register a webhook" }).click();
  await page.fill("#url", "http://10.0.0.1/hook");
  await page.fill("#headers", "X-Key: not-to-be-seen");
  visitor.expect(422);
  await button("Register").click();
  await visitor.sees("[role=alert] li", "URL");
  world.same("kept", await page.inputValue("#headers"), "X-Key: not-to-be-seen");
  await page.fill("#url", hook.url);
  await page.fill("#description", "The <i>archive</i>");
  await button("Register").click();
  await visitor.sees("[role=status]", "The webhook is registered.");
  const secret = await visitor.text("#secret");
  world.has("the secret", secret, "whsec_");
  await page.getByRole("link", { name: "To the webhook" }).click();
  const shown = await page.content();
  for (const it of [secret, "not-to-be-seen"]) world.same("hidden", shown.includes(it), false);
  const where = new URL(page.url()).pathname.replace("/console", "");
  await button("Send a test event").click();
  await visitor.sees("section:has(#tested)", "<b>500</b>");
  world.same("tests", hook.requests.length, 1);
  return { where, secret };
}

/** A delivery fails, is abandoned, found from the overview, sent again, and arrives. */
async function deliver(world, visitor, hook) {
  const { page } = visitor;
  const button = (name) => page.getByRole("button", { name, exact: true });
  await world.server.submit(submission(1));
  const [delivery] = await until(world, "status=pending", (it) => it.attempt_count > 0);
  await visitor.open(`/deliveries/${delivery.id}`);
  await visitor.sees("section:has(#attempts)", "<b>500</b>");
  await page.fill("#reason", "It <moves>");
  await button("Abandon").click();
  await visitor.sees("[role=status]", "1 delivery is dead now.");
  await visitor.sees("dl", "It <moves>");
  await visitor.open();
  await page.getByRole("link", { name: "1 dead letter" }).click();
  await page.getByRole("link", { name: `${delivery.id}`, exact: true }).click();
  hook.status = 200;
  await button("Redeliver").click();
  await visitor.sees("[role=status]", "1 delivery is due again.");
  await until(world, "", (it) => it.status === "delivered");
  await page.reload();
  await visitor.sees("dl .badge", "delivered");
  const { headers, body } = hook.requests.at(-1);
  world.same("its header", headers["x-key"], "not-to-be-seen");
  world.has("the event", body, "created");
}

/** Its settings are changed, beside another administrator's change. */
async function change(world, visitor, hook, where) {
  const { page } = visitor;
  const button = (name) => page.getByRole("button", { name, exact: true });
  await visitor.open(where);
  await page.getByRole("link", { name: "Change the settings" }).click();
  world.same("its headers", await page.inputValue("#headers"), "x-key");
  await page.fill("#description", "Mine");
  await page.getByLabel("rejected").uncheck();
  const body = { description: "Of another" };
  await world.server.api("PATCH", `/v1${where}`, { body });
  visitor.expect(409);
  await button("Save").click();
  await visitor.sees("[role=alert]", "changed meanwhile");
  await visitor.sees("section:has(#now)", "Of another");
  world.same("kept", await page.inputValue("#description"), "Mine");
  await button("Save").click();
  await visitor.sees("[role=status]", "The settings are saved.");
  await visitor.sees("dl", "Mine");
  await button("Send a test event").click();
  await visitor.sees("section:has(#tested)", "<b>200</b>");
  world.same("its header", hook.requests.at(-1).headers["x-key"], "not-to-be-seen");
}

/** It gets what happened while it was disabled. */
async function replay(world, visitor, hook, where) {
  const { page } = visitor;
  const button = (name) => page.getByRole("button", { name, exact: true });
  const api = (verb, body) => world.server.api("POST", `/v1${where}/${verb}`, { body });
  await api("disable", { reason: "a break" });
  await world.server.submit(submission(6));
  await api("enable", {});
  const before = hook.requests.length;
  await visitor.open(where);
  await page.getByRole("link", { name: "Send what it never got" }).click();
  for (const kind of ["approved", "failed"]) await page.getByLabel(kind).uncheck();
  await page.fill("#from", "tomorrow");
  visitor.expect(422);
  await button("Count").click();
  await visitor.sees("[role=alert]", "Recorded from");
  world.same("kept", await page.inputValue("#from"), "tomorrow");
  await page.fill("#from", "");
  await button("Count").click();
  await visitor.sees("section:has(#found)", "1 event would be sent.");
  await button("Send what it never got (1)").click();
  await visitor.sees("h1", "Send what it never got");
  await until(world, "status=delivered", () => true, 2);
  await page.reload();
  await visitor.sees("main", "done");
  await visitor.sees("dl", "1 / 1");
  world.same("requests", hook.requests.length, before + 1);
}

/** It is disabled and enabled, with what is pending, and removed. */
async function end(world, visitor, hook, where) {
  const { page } = visitor;
  const button = (name) => page.getByRole("button", { name, exact: true });
  const link = (name) => page.getByRole("link", { name, exact: true });
  const fail = async (...numbers) => {
    await world.server.submit(...numbers.map((it) => submission(it)));
    const isTried = (it) => it.attempt_count > 0;
    await until(world, "status=pending", isTried, numbers.length);
    await visitor.open(where);
  };
  hook.status = 500;
  await fail(2);
  await page.fill("#reason", "for a while");
  await button("Disable").click();
  await visitor.sees("dl", "for a while");
  await page.getByLabel("is made dead").check();
  await button("Enable").click();
  await visitor.sees("[role=status]", "It is enabled.");
  await fail(3, 4);
  await link("Abandon what is pending").click();
  await visitor.sees("main", "2 pending deliveries");
  await page.fill("#reason", "it goes");
  await button("Abandon (2)").click();
  await visitor.sees("[role=status]", "2 deliveries are dead now.");
  await fail(5);
  await link("Remove the webhook").click();
  await visitor.sees("main ul", "1 delivery is pending");
  await visitor.sees("main ul", "3 deliveries are dead");
  await button("Remove").click();
  await visitor.sees("[role=status]", "The webhook is removed.");
  await visitor.sees("main", "No webhook is registered.");
  visitor.expect(404);
  await visitor.open(where);
  await visitor.sees("h1", "404");
}

async function life(world, javaScript) {
  const hook = await receiver();
  try {
    const visitor = await world.visitor({ javaScript });
    const { page } = visitor;
    await visitor.signIn(await world.server.tokenOf("administrator", "administrator:jane"));
    const { where, secret } = await register(world, visitor, hook);
    await deliver(world, visitor, hook);
    await visitor.open(where);
    await page.getByRole("button", { name: "New secret" }).click();
    await visitor.sees("[role=status]", "The webhook has a new secret.");
    const other = await visitor.text("#secret");
    world.has("the secret", other, "whsec_");
    world.same("the same secret", other === secret, false);
    await change(world, visitor, hook, where);
    await replay(world, visitor, hook, where);
    await end(world, visitor, hook, where);
  } finally {
    hook.stop();
  }
}

const SERVE = ["--deliver", "--allow-http", "--allow-target", "127.0.0.1/32"];

const scenarios = {
  "a webhook from registration to removal": (world) => life(world, true),
  "a webhook from registration to removal, without JavaScript": (world) => life(world, false),
};
for (const it of Object.values(scenarios)) it.serve = SERVE;

module.exports = scenarios;
