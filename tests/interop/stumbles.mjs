// What docs/webhooks.md says that receivers in Node trip over, by the oldest and the newest version.
import assert from "node:assert/strict";

const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const body = '{"event":"certificate_application.approved"}';

for (const name of ["standardwebhooks", "standardwebhooks-oldest"]) {
  const { Webhook } = await import(name);
  const webhook = new Webhook(secret);
  const now = new Date();
  const plain = {
    "webhook-id": "1",
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": webhook.sign("1", now, body),
  };
  const headers = new Headers(plain);
  webhook.verify(body, plain);
  webhook.verify(Buffer.from(body), plain);
  assert.throws(() => webhook.verify(body, headers), { message: "Missing required headers" });
  webhook.verify(body, Object.fromEntries(headers));
  const bytes = new TextEncoder().encode(body);
  assert.throws(() => webhook.verify(bytes, plain), /string or Buffer/);
  webhook.verify(Buffer.from(bytes), plain);
}
