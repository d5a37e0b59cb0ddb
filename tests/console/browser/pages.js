// The pages, and stores that show them.
"use strict";
const { submission, uuid } = require("./server.js");

/** The id that the webhook of these stores has: it is made of its idempotency key. */
const WEBHOOK = "3930a401-fafa-5553-93a8-c64d024f9a27";

/** The pages that are opened by their path, in these stores. */
const PAGES = {
  overview: "",
  queue: "/queue",
  applications: "/applications",
  "applications-none": "/applications?title=nothing+has+this+title",
  "all-shown": "/applications/all?status=created",
  events: "/events",
  tasks: "/tasks",
  tokens: "/tokens",
  acts: "/acts",
  created: `/applications/${uuid(1)}`,
  rejected: `/applications/${uuid(2)}`,
  failed: `/applications/${uuid(3)}`,
  approved: `/applications/${uuid(4)}`,
  webhooks: "/webhooks",
  "webhook-new": "/webhooks/new",
  webhook: `/webhooks/${WEBHOOK}`,
  "webhook-settings": `/webhooks/${WEBHOOK}/settings`,
  "webhook-replay": `/webhooks/${WEBHOOK}/replay?event=created&event=failed`,
  "webhook-remove": `/webhooks/${WEBHOOK}/remove`,
  deliveries: "/deliveries",
  delivery: "/deliveries/1",
  redeliver: "/deliveries/redeliver?status=dead",
  abandon: "/deliveries/abandon",
};

/** Texts that would run, close an element, reverse the line, or fill the page. */
const HOSTILE = [
  "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>",
  "\"'><svg onload=\"window.ran = 3\"></bdi></a></textarea></title><b id=stray>",
  "{{7*7}} ${7*7} &lt;b&gt; javascript:window.ran=4 --> ]]> \u0000\u0007\u001b[31m",
  "right to left \u202e\u2066gnihtyna\u2069 and \u200f\u200b\u00ad\ufeff marks",
  "مرحبا بالعالم שלום עולם 学位証明書 🎓👩‍🎓 Ünïcödé",
  "W".repeat(255),
  "عر".repeat(127),
  "\u202e".repeat(255),
];
const long = (text, most) => [...text.repeat(most)].slice(0, most).join("");

/** A store whose texts are hostile, with a webhook and applications in each state. */
async function hostile(server) {
  const titles = [...HOSTILE, ...Array.from({ length: 52 }, (_, it) => HOSTILE[it % 8])];
  const all = titles.map((title, it) => ({
    ...submission(it + 1, title),
    applicant_email: `"<b>${it}'>"@example.com`,
  }));
  await webhook(server, "https://example.com/%3Cscript%3E?a='&b=%22%3E%3Cb%3E", HOSTILE[3]);
  await server.submit(...all);
  const reason = HOSTILE.slice(0, 5).join("\n");
  await server.reject(2, reason);
  await server.accept(3, 4, 5, 6, 7, 8, 9);
  await server.fail(3, `${reason}\n${long("x", 200)}`);
  await server.fail(5, long("W", 1000));
  await server.fail(6, long("\u202e", 1000));
  await server.fail(7, long("学", 1000));
  await server.retry(3);
  await server.fail(3, HOSTILE[0]);
  await server.approve(4);
  const abandoned = { filter: { application: uuid(2) }, reason: HOSTILE[1] };
  await server.api("POST", "/v1/deliveries/abandon", { body: abandoned });
}

async function webhook(server, url, description = "") {
  const actor = "administrator:jane";
  const headers = { "idempotency-key": "the webhook" };
  const own = { "X-Key": "value", "Authorization": `Bearer ${long("x", 200)}` };
  const body = { url, description, headers: own };
  const { id } = await server.api("POST", "/v1/webhooks", { actor, body, headers });
  if (id !== WEBHOOK) throw new Error(`the webhook is ${id}, and not ${WEBHOOK}`);
}

const SUBJECTS = [
  "Bachelor of Science, Biology",
  "Master of Science, Computer Science",
  "Bachelor of Arts, History of Art",
  "Master of Laws, European Law",
  "Certificate of Attendance, Statistics II",
  "Doctor of Philosophy, Mathematics",
  "Master of Education, Primary Schools",
];

/** A store as it is on a normal day. */
async function ordinary(server) {
  const count = 38;
  const of = (it) => ({
    ...submission(it, SUBJECTS[(it * 5) % SUBJECTS.length]),
    application_id: 20_260 + it,
  });
  await webhook(server, "https://records.example.edu/hooks/certificates");
  await server.submit(...Array.from({ length: count }, (_, it) => of(it + 1)));
  await server.reject(2, "The documents are incomplete");
  await server.accept(3, 4, 5, 6, 7, 8, 9, 10, 13, 17, 23, 29, 31, 32, 34, 35, 37);
  await server.fail(3, "The rendering service did not answer within 30 s");
  await server.retry(3);
  await server.fail(3, "The rendering service did not answer within 30 s");
  await server.fail(5, "The rendering service did not answer within 30 s");
  await server.fail(8, "No template for this programme");
  await server.fail(34, "No template for this programme");
  await server.approve(4, 6, 9, 10, 13, 29, 31, 35);
  await server.reject(33, "The name does not match");
}

module.exports = { HOSTILE, PAGES, WEBHOOK, hostile, long, ordinary, webhook };
