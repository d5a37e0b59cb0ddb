"""What docs/webhooks.md says that receivers in Python trip over, by the version that is found."""

import datetime
import sys

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request

BODY = b'{"event":"certificate_application.approved"}'

webhook = Webhook("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
now = datetime.datetime.now(datetime.timezone.utc)
headers = {
    "webhook-id": "1",
    "webhook-timestamp": str(int(now.timestamp())),
    "webhook-signature": webhook.sign("1", now, BODY.decode()),
}


def fault(body, headers):
    try:
        webhook.verify(body, headers)
    except Exception as fault:
        return type(fault)


assert fault(BODY, headers) is None

# Neither a signature that is none nor a body that is no text is a WebhookVerificationError.
for signature in ["abc", "v1,abc"]:
    assert issubclass(fault(BODY, headers | {"webhook-signature": signature}), ValueError)
assert issubclass(fault(b"\xff", headers), ValueError)
assert not issubclass(WebhookVerificationError, ValueError)

# ASGI has the headers as a list of pairs of bytes.
raw = [(name.encode(), value.encode()) for name, value in headers.items()]
assert fault(BODY, raw) is AttributeError
assert fault(BODY, dict(raw)) is WebhookVerificationError
assert fault(BODY, Request({"type": "http", "headers": raw}).headers) is None
