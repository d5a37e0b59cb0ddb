import { createServer } from "node:http";
const { Webhook, WebhookVerificationError } = await import(
  process.env.STANDARDWEBHOOKS ?? "standardwebhooks"
);
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    new Webhook(process.env.SECRET).verify(Buffer.concat(chunks).toString("utf8"), request.headers);
    response.writeHead(204).end();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    response.writeHead(401).end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
