#!/usr/bin/env bash
# eventsource (npm): from version 3 on, one answer of 503 ends the stream for good; version 2 came back.
#
# A good guess: an EventSource reconnects by itself, as its `retry` says; that is its point. A restart behind a proxy,
# where one attempt gets 503, is a pause. An update of the package changes the import, and no more.
#
# What happens: the standard reconnects after a lost connection, but any status except 200 (and redirects) fails the
# connection for ever. Version 2 reconnected after 500, 502, 503 and 504; versions 3 and 4 keep to the standard, as
# undici's EventSource and browsers do. The object stays there, closed, and gets nothing more. All retry a connection
# that is cut, as without a proxy: so a test that stops the server passes. The client has to make a new EventSource,
# and to send `Last-Event-ID` itself.
#
# Versions: eventsource 2.0.2, 3.0.7 and 4.1.1, undici 7.30.2, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund \
    two@npm:eventsource@2.0.2 three@npm:eventsource@3.0.7 four@npm:eventsource@4.1.1 undici@7.30.2
cat >streams.mjs <<'JS'
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { EventSource as Four } from "four";
import { EventSource as Three } from "three";
import Two from "two";
import { EventSource as Undici } from "undici";

const kinds = { "eventsource 2": Two, "eventsource 3": Three, "eventsource 4": Four, "undici": Undici };

// The first stream ends after one event. The second attempt meets a connection that is cut, or 503. Then all is well.
async function survives(EventSource, trouble) {
  let attempts = 0;
  const server = http.createServer((request, answer) => {
    attempts += 1;
    if (attempts === 2 && trouble === "cut") return request.socket.destroy();
    if (attempts === 2) return answer.writeHead(503).end();
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write(`retry: 50\nid: ${attempts}\ndata: hello\n\n`);
    if (attempts === 1) answer.end();
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const source = new EventSource(`http://127.0.0.1:${server.address().port}/`);
  let events = 0;
  source.onmessage = () => { events += 1; };
  source.onerror = () => {};
  for (let n = 0; n < 100 && events < 2 && source.readyState !== 2; n++) await pause(100);
  const state = ["connecting", "open", "closed"][source.readyState];
  source.close();
  server.closeAllConnections();
  server.close();
  return `${attempts} attempts, ${events} events, ${state}`;
}

for (const [name, EventSource] of Object.entries(kinds)) {
  for (const trouble of ["cut", "503"]) console.log(`${name}, ${trouble}: ${await survives(EventSource, trouble)}`);
}
process.exit();
JS
node streams.mjs 2>/dev/null | tee seen
diff - seen <<'SEEN'
eventsource 2, cut: 3 attempts, 2 events, open
eventsource 2, 503: 3 attempts, 2 events, open
eventsource 3, cut: 3 attempts, 2 events, open
eventsource 3, 503: 2 attempts, 1 events, closed
eventsource 4, cut: 3 attempts, 2 events, open
eventsource 4, 503: 2 attempts, 1 events, closed
undici, cut: 3 attempts, 2 events, open
undici, 503: 2 attempts, 1 events, closed
SEEN
echo "as described"
