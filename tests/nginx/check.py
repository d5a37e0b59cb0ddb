"""What nginx passes on of `certlife serve`, with its defaults, and with packaging/nginx.conf.

    check.py CERTLIFE ROOT
"""

import contextlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid

CERTLIFE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
SITE = (ROOT / "packaging/nginx.conf").read_text()
NDJSON = "application/x-ndjson"


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def same(what, found, expected):
    if found != expected:
        sys.exit(f"tests/nginx: {what}: {found!r}, and not {expected!r}")


@contextlib.contextmanager
def process(*command, stop=signal.SIGTERM, **more):
    child = subprocess.Popen(command, **more)
    try:
        yield child
    finally:
        child.send_signal(stop)
        child.wait(40)


class Counting:
    """Passes connections on to a port, and counts them."""

    def __init__(self, to):
        self.to, self.count = to, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            self.count += 1
            far = socket.create_connection(("127.0.0.1", self.to))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


class Front:
    """A server of nginx, and what a client does there."""

    def __init__(self, name, port, tokens, tls):
        self.name, self.port, self.tls = name, port, tls
        self.token, self.administrator, self.quiet = tokens

    def socket(self):
        it = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        if not self.tls:
            return it
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(it)

    def connection(self):
        it = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        it.sock = self.socket()
        return it

    def ask(self, method, path, body=None, connection=None, **headers):
        headers = {name.replace("_", "-"): it for name, it in headers.items()}
        headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = connection or self.connection()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def raw(self, head, token=None):
        """A connection on which a request has begun."""
        it = self.socket()
        head += f"Host: example.com\r\nAuthorization: Bearer {token or self.token}\r\n\r\n"
        it.sendall(head.encode())
        return it


def submission(title="B. Sc."):
    return {
        "command": "submit",
        "uuid": str(uuid.uuid4()),
        "application_id": 42,
        "certificate_title": title,
        "applicant_email": "john@example.com",
    }


def until(connection, what, patience):
    """Reads until something has come: whether it has, and what else."""
    connection.settimeout(patience)
    data = b""
    with contextlib.suppress(TimeoutError):
        while what not in data:
            more = connection.recv(65536)
            if not more:
                break
            data += more
    return what in data, data


def stream_of_events(front):
    """An event is there as soon as it has happened."""
    request = "GET /v1/events HTTP/1.1\r\nAccept: text/event-stream\r\n"
    with front.raw(request) as stream:
        has, data = until(stream, b"\r\n\r\n", 5)
        same(f"{front.name}: the head of a stream of events comes at once", has, True)
        one = submission()
        front.ask("POST", "/v1/applications", json.dumps(one))
        has, data = until(stream, one["uuid"].encode(), 2)
        same(f"{front.name}: an event comes at once", has, True)


def stream_of_commands(front, is_at_once):
    """Whether the first line is answered before the last one is sent."""
    request = (
        f"POST /v1/commands HTTP/1.1\r\nContent-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n"
    )
    with front.raw(request) as stream:
        for number in (1, 2):
            line = json.dumps(submission()).encode() + b"\n"
            stream.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            has, data = until(stream, b'"line":%d,' % number, 2)
            same(f"{front.name}: answer {number} comes before the end", has, is_at_once)
        stream.sendall(b"0\r\n\r\n")
        if not is_at_once:
            has, data = until(stream, b'"line":2,', 10)
            same(f"{front.name}: the answers come at the end", has, True)


def long_bodies(front, statuses):
    lines = "".join(json.dumps(submission("x" * 200)) + "\n" for _ in range(4000))
    status, headers, body = front.ask("POST", "/v1/commands", lines, Content_Type=NDJSON)
    same(f"{front.name}: a stream of 1.5 MiB", status, statuses["stream"])
    if status == 200:
        same(f"{front.name}: answers", body.count(b'"event":{'), 4000)
    long = json.dumps(submission("x" * (3 << 19)))
    status, headers, _ = front.ask("POST", "/v1/applications", long)
    same(f"{front.name}: a body of 1.5 MiB", status, 413)
    same(f"{front.name}: its type", headers["Content-Type"], statuses["type"])


def long_heads(front):
    """One header has 8 KiB at most, for all of nginx's defaults."""
    status, _, _ = front.ask("GET", "/v1/counts", X_Long="x" * 7000)
    same(f"{front.name}: a header of 7000 bytes", status, 200)
    status, headers, _ = front.ask("GET", "/v1/counts", X_Long="x" * 9000)
    same(f"{front.name}: a header of 9000 bytes", status, 400)
    same(f"{front.name}: its type", headers["Content-Type"], "text/html")


def tags(front, is_weak):
    body = json.dumps(submission())
    status, headers, _ = front.ask("POST", "/v1/applications", body, X_Request_Id="of-the-client")
    same(f"{front.name}: submitted", status, 201)
    same(f"{front.name}: X-Request-Id", headers["X-Request-Id"], "of-the-client")
    place = headers["Location"]
    same(f"{front.name}: Location", place.startswith("/v1/applications/"), True)
    status, headers, _ = front.ask("GET", place, Accept_Encoding="gzip")
    same(f"{front.name}: ETag", headers["ETag"], 'W/"1"' if is_weak else '"1"')
    as_administrator = {"Authorization": f"Bearer {front.administrator}"}
    path = place + "/begin-processing"
    begun = front.ask("POST", path, If_Match=headers["ETag"], **as_administrator)
    same(f"{front.name}: If-Match", begun[0], 412 if is_weak else 200)


def connections(front, counting, expected):
    before, connection = counting.count, front.connection()
    for _ in range(20):
        same(front.name, front.ask("GET", "/v1/counts", connection=connection)[0], 200)
    same(f"{front.name}: connections for 20 requests", counting.count - before <= expected, True)
    if expected == 20:
        same(f"{front.name}: connections for 20 requests", counting.count - before, 20)


def idle(front, is_kept, found):
    """Whether a stream of events, of which there are none, outlives the time to its comment."""
    request = "GET /v1/events HTTP/1.1\r\nAccept: text/event-stream\r\n"
    with front.raw(request, front.quiet) as stream:
        _, head = until(stream, b"\r\n\r\n", 5)
        has, _ = until(stream, b":", 18)
    found.append((f"{front.name}: a stream of events", head[:15], b"HTTP/1.1 200 OK"))
    found.append((f"{front.name}: a stream has a comment", has, is_kept))


def wait(front, status, found):
    """An answer that takes longer than nginx waits, or not as long."""
    answered = front.ask("GET", "/v1/events?wait=12", Authorization=f"Bearer {front.quiet}")
    found.append((f"{front.name}: a wait of 12 s", answered[0], status))


def sites(folder, counting, quiet, ports):
    """The configuration of nginx: packaging/nginx.conf, with other addresses and files."""
    ours = SITE
    for old, new in (
        ("127.0.0.1:8080", f"127.0.0.1:{counting.port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{ports['ours']} ssl"),
        ("/etc/ssl/certs/certlife.pem", f"{folder}/certlife.pem"),
        ("/etc/ssl/private/certlife.key", f"{folder}/certlife.key"),
    ):
        same(f"{old} in packaging/nginx.conf", ours.count(old), 1)
        ours = ours.replace(old, new)

    def plain(name, to, more=""):
        passing = f"proxy_pass http://127.0.0.1:{to}; {more}"
        return f"server {{ listen 127.0.0.1:{ports[name]}; location / {{ {passing} }} }}\n"

    temporary = "".join(
        f"{it}_temp_path {folder}/{it};\n"
        for it in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 256; }}
http {{
access_log off;
{temporary}
gzip on; gzip_proxied any; gzip_min_length 1; gzip_types application/json;
{plain("defaults", counting.port)}
{plain("short", quiet, "proxy_read_timeout 10s;")}
{plain("long", quiet, "proxy_read_timeout 17s;")}
{ours}
}}
"""


def check(folder, counting, quiet, tokens):
    ports = {name: free_port() for name in ("defaults", "short", "long", "ours")}
    fronts = {name: Front(name, it, tokens, name == "ours") for name, it in ports.items()}
    configuration = folder / "nginx.conf"
    configuration.write_text(sites(folder, counting, quiet, ports))
    with process("nginx", "-e", "stderr", "-p", str(folder), "-c", str(configuration)):
        defaults, ours = fronts["defaults"], fronts["ours"]
        for _ in range(100):
            with contextlib.suppress(OSError), ours.socket():
                break
            time.sleep(0.05)
        # A comment comes every 15 s.
        found = []
        waiting = [
            threading.Thread(target=it, args=(fronts[name], expected, found))
            for it, name, expected in (
                (idle, "short", False),
                (idle, "long", True),
                (wait, "short", 504),
                (wait, "long", 200),
            )
        ]
        for it in waiting:
            it.start()
        stream_of_commands(defaults, is_at_once=False)
        stream_of_commands(ours, is_at_once=True)
        connections(defaults, counting, expected=20)
        connections(ours, counting, expected=1)
        long_bodies(defaults, {"stream": 413, "type": "text/html"})
        long_bodies(ours, {"stream": 200, "type": "application/problem+json"})
        for front in (defaults, ours):
            stream_of_events(front)
            long_heads(front)
        tags(defaults, is_weak=True)
        tags(ours, is_weak=False)
        for it in waiting:
            it.join()
        same("what was awaited", len(found), 6)
        for what, it, expected in found:
            same(what, it, expected)


@contextlib.contextmanager
def serving(store):
    """The port at which a store is served."""
    serve = [CERTLIFE, "serve", "--store", store, "--listen", "127.0.0.1:0", "--log", "warn"]
    with process(*serve, stderr=subprocess.PIPE, text=True) as child:
        yield int(re.search(r"http://127.0.0.1:(\d+)", child.stderr.readline())[1])


def token(store, institution, actor):
    made = subprocess.run(
        [CERTLIFE, "token", "create", "--store", store, "--json", "--name", "n"]
        + ["--institution", institution, "--scope", "all", "--actor", actor],
        check=True,
        capture_output=True,
    )
    return json.loads(made.stdout)["token"]


def main():
    guide = (ROOT / "docs/serving.md").read_text()
    same("docs/serving.md has packaging/nginx.conf", f"```nginx\n{SITE}```\n" in guide, True)
    folder = pathlib.Path(tempfile.mkdtemp())
    # The workers of nginx are another user, if root starts it.
    folder.chmod(0o755)
    try:
        store, quiet = f"sqlite:{folder}/certlife.db", f"sqlite:{folder}/quiet.db"
        tokens = [
            token(store, "default", "customer:john@example.com"),
            token(store, "default", "administrator:jane"),
            token(quiet, "default", "administrator:jane"),
        ]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            + ["-nodes", "-days", "2", "-subj", "/CN=certlife.example.com"]
            + ["-keyout", f"{folder}/certlife.key", "-out", f"{folder}/certlife.pem"],
            check=True,
            capture_output=True,
        )
        with serving(store) as port, serving(quiet) as other:
            check(folder, Counting(port), other, tokens)
    finally:
        shutil.rmtree(folder)
    print("nginx passes on what docs/serving.md says")


main()
