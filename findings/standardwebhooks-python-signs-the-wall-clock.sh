#!/usr/bin/env bash
# standardwebhooks (Python): `sign` takes a time with a zone, and signs its wall clock as if it were UTC.
#
# A good guess: a `datetime` with a zone is an instant. `sign(id, time, body)` signs that instant, and the header
# `webhook-timestamp` is `int(time.timestamp())`. A time without a zone is local, as everywhere in Python.
#
# What happens: the zone is replaced by UTC, not converted. With any other zone the signed second is off by the zone's
# difference from UTC, and no receiver can verify the message: "No matching signature found", which looks like a wrong
# secret. The same goes for `datetime.now()`, on every machine whose zone is not UTC: it works in the container and
# not at the desk. A time without a zone is right if it holds UTC, as `utcnow()` makes it, though its own
# `timestamp()` is then off. svix (Python) signs by this package. The time to give is `datetime.now(timezone.utc)`.
#
# Versions: standardwebhooks 1.1.0 (PyPI), svix 2.9.1 (PyPI), standardwebhooks 1.1.1 (npm), Python 3.11, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1
npm init -y >/dev/null
npm install --silent --no-audit --no-fund standardwebhooks@1.1.1
cat >verify.mjs <<'JS'
import { Webhook } from "standardwebhooks";

const [secret, id, timestamp, signature, body] = process.argv.slice(2);
const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
try {
  new Webhook(secret).verify(body, headers);
  console.log("verified");
} catch (error) {
  console.log(error.message);
}
JS
cat >sign.py <<'PY'
import os, subprocess, time
from datetime import datetime, timedelta, timezone
import standardwebhooks, svix.webhooks

secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '{"type":"certificate.approved"}'
os.environ["TZ"] = "EST5"  # five hours behind UTC
time.tzset()
now = datetime.now(timezone.utc)
times = {
    "UTC": now,
    "+02:00": now.astimezone(timezone(timedelta(hours=2))),
    "no zone, local": now.astimezone().replace(tzinfo=None),
}
for library in (standardwebhooks.Webhook, svix.webhooks.Webhook):
    for name, moment in times.items():
        signature = library(secret).sign("msg_1", moment, body)
        sent = str(int(moment.timestamp()))
        assert sent == str(int(now.timestamp()))
        seen = subprocess.run(["node", "verify.mjs", secret, "msg_1", sent, signature, body],
                              capture_output=True, text=True, check=True).stdout.strip()
        print(f"{library.__module__.split('.')[0]}, {name}: {seen}")
PY
venv/bin/python sign.py | tee seen
diff - seen <<'SEEN'
standardwebhooks, UTC: verified
standardwebhooks, +02:00: No matching signature found
standardwebhooks, no zone, local: No matching signature found
svix, UTC: verified
svix, +02:00: No matching signature found
svix, no zone, local: No matching signature found
SEEN
echo "as described"
