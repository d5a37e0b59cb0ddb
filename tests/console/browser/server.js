// A store of its own in a temporary folder, `certlife serve --console` on it, and its API.
"use strict";
const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const REASONS = ["The documents are incomplete", "The name does not match"];

const uuid = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** What submits an application; its UUID is made of its number. */
const submission = (number, title = `Certificate number ${number}`) => ({
  command: "submit",
  uuid: uuid(number),
  application_id: number,
  certificate_title: title,
  applicant_email: `applicant${number}@example.com`,
});

/** The programs that run: they end with this one. */
const running = new Set();
process.on("exit", () => running.forEach((it) => it.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

class Server {
  /** Starts one; `certlife` is the program, `more` are further options of `serve`. */
  static async start(certlife, more = []) {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "certlife-console-"));
    const env = { ...process.env, CERTLIFE_STORE: `sqlite:${server.folder}/certlife.db` };
    const all = ["--name", "all", "--institution", "default", "--scope", "all"];
    const made = ["token", "create", ...all, "--actor", "system:tester"];
    const quiet = { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    server.token = execFileSync(certlife, made, quiet).trim();
    const reasons = REASONS.flatMap((it) => ["--console-reason", it]);
    const serve = ["serve", "--listen", "127.0.0.1:0", "--console", "--console-mask", ...reasons, ...more];
    server.child = spawn(certlife, serve, { env, stdio: ["ignore", "ignore", "pipe"] });
    running.add(server.child);
    server.ended = new Promise((resolve) => server.child.once("exit", resolve));
    server.log = "";
    server.child.stderr.on("data", (it) => (server.log += it));
    for (let tries = 0; !server.url; tries += 1) {
      server.url = server.log.match(/serving the API at (http:\/\/[0-9.:]+)/)?.[1];
      if (tries > 200 || server.child.exitCode !== null) {
        await server.stop();
        throw new Error(`the server did not start: ${server.log}`);
      }
      await sleep(50);
    }
    server.console = `${server.url}/console`;
    return server;
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
    running.delete(this.child);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Waits until this is in its log. */
  async logs(text) {
    for (let tries = 0; !this.log.includes(text); tries += 1) {
      if (tries > 200) throw new Error(`${text} is not in the log: ${this.log}`);
      await sleep(50);
    }
  }

  /** Asks the API; the answer must be a success. */
  async api(method, where, { actor = "system:tester", body, headers } = {}) {
    const sent = { authorization: `Bearer ${this.token}`, "certlife-actor": actor, ...headers };
    if (body !== undefined) sent["content-type"] ??= "application/json";
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(this.url + where, { method, headers: sent, body: text });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${said}`);
    return said.endsWith("\n") || said === "" ? said : JSON.parse(said);
  }

  /** A token of this role. */
  async tokenOf(role, actor) {
    const body = { name: `${role} ${actor}`, role, actor };
    return (await this.api("POST", "/v1/tokens", { body })).token;
  }

  /** Carries out commands; all of them must be. */
  async carryOut(commands, actor) {
    const body = commands.map((it) => `${JSON.stringify(it)}\n`).join("");
    const headers = { "content-type": "application/x-ndjson" };
    const where = "/v1/commands?atomic=true";
    await this.api("POST", where, { actor, body, headers });
  }

  async submit(...submissions) {
    await this.carryOut(submissions, "customer:john");
  }

  async accept(...numbers) {
    const commands = numbers.map((it) => ({ command: "begin_processing", uuid: uuid(it) }));
    await this.carryOut(commands, "administrator:other");
  }

  async reject(number, rejection_reason) {
    const command = { command: "reject", uuid: uuid(number), rejection_reason };
    await this.carryOut([command], "administrator:other");
  }

  async fail(number, error) {
    await this.carryOut([{ command: "fail", uuid: uuid(number), error }], "system:worker");
  }

  async retry(number) {
    await this.carryOut([{ command: "retry", uuid: uuid(number) }], "administrator:other");
  }

  async approve(...numbers) {
    const commands = numbers.map((it) => ({ command: "approve", uuid: uuid(it) }));
    await this.carryOut(commands, "system:worker");
  }

  /** The kinds of an application's events. */
  async history(number) {
    const { data } = await this.api("GET", `/v1/applications/${uuid(number)}/history`);
    return data.map((it) => it.event.replace(/.*\./, ""));
  }
}

module.exports = { REASONS, Server, submission, uuid };
