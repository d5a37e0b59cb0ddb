import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
const server = createServer(async (request, response) => {
  const body = await buffer(request);
  const expected = createHmac("sha256", process.env.SECRET).update(body).digest();
  const given = Buffer.from(request.headers["x-webhook-signature"] ?? "", "hex");
  const fits = given.length === expected.length && timingSafeEqual(given, expected);
  response.writeHead(fits ? 204 : 401).end();
}).listen(0, "127.0.0.1", () => console.log(server.address().port));
