import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const expected = createHmac("sha256", process.env.SECRET).update(body).digest();
  const given = Buffer.from(request.headers["x-webhook-signature"] ?? "", "hex");
  const fits = given.length === expected.length && timingSafeEqual(given, expected);
  response.writeHead(fits ? 204 : 401).end();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
