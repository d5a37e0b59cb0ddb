"""What schemathesis does not know of itself."""

import schemathesis

# No request waits: the answer is the same one, and there are many requests.
WAIT = 0
LONGEST_WAIT = 60


# Who may do what (CONTRACT.md): the token is the system's, and may act for others.
ADMINISTRATOR = "administrator:jane"
CUSTOMER = "customer:john@example.com"
ADMINISTRATORS_VERBS = ("/begin-processing", "/reject", "/retry")


@schemathesis.serializer("application/x-ndjson")
def ndjson(_, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def is_wait(value):
    """Whether it is a length of time that the server would wait for."""
    try:
        return WAIT < int(str(value)) <= LONGEST_WAIT
    except ValueError:
        return False


def actor(case):
    """In whose name the request is carried out; None: in the token's."""
    if case.path.endswith(ADMINISTRATORS_VERBS):
        return ADMINISTRATOR
    command = case.body.get("command") if isinstance(case.body, dict) else None
    return {"submit": CUSTOMER, "upload": ADMINISTRATOR}.get(str(command))


@schemathesis.hook
def before_call(_, case, kwargs):
    if who := actor(case):
        case.headers["Certlife-Actor"] = who
    if isinstance(case.query, dict):
        if case.query.get("wait") == "final":
            case.query.setdefault("timeout", WAIT)
        for name in ("wait", "timeout"):
            if is_wait(case.query.get(name)):
                case.query[name] = WAIT
    if case.path == "/v1/work/claim" and isinstance(case.body, dict):
        if is_wait(case.body.get("wait")):
            case.body["wait"] = WAIT
