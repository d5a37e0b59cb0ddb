// A backend that drives the API by the types that openapi-typescript makes, and openapi-fetch.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

type Problem = components["schemas"]["Problem"];

/** Who asks: a token for each role. */
function client(role: string) {
  const token = process.env[`CERTLIFE_${role}`];
  const baseUrl = process.env.CERTLIFE_URL;
  assert(baseUrl && token);
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
}

const submitter = client("SUBMITTER");
const reviewer = client("REVIEWER");
const processor = client("PROCESSOR");
const administrator = client("ADMINISTRATOR");

// Submit, twice with the same key.
const submission = {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: {
    command: "submit",
    application_id: 7,
    certificate_title: "Operator of forklifts",
    applicant_email: "typescript@example.com",
  },
} as const;
const submitted = await submitter.POST("/v1/applications", submission);
assert(submitted.data, JSON.stringify(submitted.error));
const { uuid, version } = submitted.data.application;
assert.equal(version, 1);
const again = await submitter.POST("/v1/applications", submission);
assert.equal(again.data?.event.event_id, submitted.data.event.event_id);
assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");

// List.
const query = { email: "typescript@example.com", status: "created" } as const;
const list = await reviewer.GET("/v1/applications", { params: { query } });
assert.deepEqual(list.data?.data.map((it) => it.uuid), [uuid]);

// A problem is a typed value.
const path = { uuid };
const early = await reviewer.POST("/v1/applications/{uuid}/retry", { params: { path } });
const problem: Problem | undefined = early.error;
assert.equal(problem?.code, "illegal_transition");
assert.equal(problem.current_status, "created");
assert.deepEqual(problem.legal, ["begin_processing", "reject"]);

// Begin processing, claim, approve.
const header = { "If-Match": submitted.response.headers.get("ETag")! };
const begun = await reviewer.POST("/v1/applications/{uuid}/begin-processing", {
  params: { path, header },
});
assert.equal(begun.data?.application.status, "processing");
const claimed = await processor.POST("/v1/work/claim", { body: { limit: 1, wait: 5 } });
const work = claimed.data?.data[0];
assert.equal(work?.application.uuid, uuid);
const approved = await processor.POST("/v1/work/{work}/approve", {
  params: { path: { work: work.work } },
});
assert.equal(approved.data?.application.status, "approved");

// Follow the feed.
const seen: string[] = [];
let after: string | undefined;
while (!seen.includes("certificate_application.approved")) {
  const page = await administrator.GET("/v1/events", {
    params: { query: { after, limit: 2, wait: 5 } },
  });
  // It would be a text as a stream of server-sent events.
  assert(typeof page.data === "object", JSON.stringify(page.error));
  assert(page.data.data.length > 0, "the feed ends too early");
  for (const { payload } of page.data.data) {
    if (payload.uuid === uuid) seen.push(payload.event);
  }
  after = page.data.next;
}
assert.deepEqual(seen, [
  "certificate_application.created",
  "certificate_application.processing",
  "certificate_application.approved",
]);

// Webhooks.
const created = await administrator.POST("/v1/webhooks", {
  body: { url: "https://example.com/typescript", events: ["approved"] },
});
assert(created.data, JSON.stringify(created.error));
assert.match(created.data.secret, /^whsec_/);
const webhooks = await administrator.GET("/v1/webhooks");
assert(webhooks.data?.data.some((it) => it.id === created.data.id));
