"""A backend that drives the API by what openapi-python-client makes."""

import os
from http import HTTPStatus

from certlife_client import AuthenticatedClient
from certlife_client.api.applications import (
    begin_processing,
    create_application,
    list_applications,
    retry,
)
from certlife_client.api.events import get_events
from certlife_client.api.webhooks import create_webhook, list_webhooks
from certlife_client.api.work import approve_work, claim_work
from certlife_client.models import (
    ListApplicationsStatus,
    NewWebhook,
    NewWebhookEventsType0Item,
    Problem,
    ProblemCode,
    Submission,
    SubmissionCommand,
    Wanted,
)


def client(role):
    """Who asks: a token for each role."""
    return AuthenticatedClient(os.environ["CERTLIFE_URL"], os.environ[f"CERTLIFE_{role}"])


submitter = client("SUBMITTER")
reviewer = client("REVIEWER")
processor = client("PROCESSOR")
administrator = client("ADMINISTRATOR")

# Submit, twice with the same key.
submission = Submission(
    command=SubmissionCommand.SUBMIT,
    application_id=7,
    certificate_title="Operator of forklifts",
    applicant_email="python@example.com",
)
submitted = create_application.sync_detailed(
    client=submitter, body=submission, idempotency_key="python-1"
)
assert submitted.status_code == HTTPStatus.CREATED, submitted.content
uuid = submitted.parsed.application.uuid
assert submitted.parsed.application.version == 1
again = create_application.sync_detailed(
    client=submitter, body=submission, idempotency_key="python-1"
)
assert again.parsed.event.event_id == submitted.parsed.event.event_id
assert again.headers["Idempotent-Replayed"] == "true"

# List.
page = list_applications.sync(
    client=reviewer, email="python@example.com", status=ListApplicationsStatus.CREATED
)
assert [it.uuid for it in page.data] == [uuid]

# A problem is a typed value.
problem = retry.sync(uuid, client=reviewer)
assert isinstance(problem, Problem)
assert problem.code == ProblemCode.ILLEGAL_TRANSITION
assert problem.current_status == "created"
assert problem.legal == ["begin_processing", "reject"]

# Begin processing, claim, approve.
begun = begin_processing.sync(uuid, client=reviewer, if_match=submitted.headers["ETag"])
assert begun.application.status == "processing"
[work] = claim_work.sync(client=processor, body=Wanted(limit=1, wait=5)).data
assert work.application.uuid == uuid
approved = approve_work.sync(work.work, client=processor)
assert approved.application.status == "approved"

# Follow the feed.
seen = []
after = None
while "certificate_application.approved" not in seen:
    place = {} if after is None else {"after": after}
    page = get_events.sync(client=administrator, limit=2, wait=5, **place)
    assert page.data, "the feed ends too early"
    # The generator leaves the common members of `created` untyped; as JSON all are there.
    payloads = [it.payload.to_dict() for it in page.data]
    seen += [it["event"] for it in payloads if it["uuid"] == str(uuid)]
    after = page.next_
assert seen == [
    "certificate_application.created",
    "certificate_application.processing",
    "certificate_application.approved",
]

# Webhooks.
settings = NewWebhook(
    url="https://example.com/python", events=[NewWebhookEventsType0Item.APPROVED]
)
created = create_webhook.sync(client=administrator, body=settings)
assert created.secret.startswith("whsec_")
assert created.id in [it.id for it in list_webhooks.sync(client=administrator).data]
