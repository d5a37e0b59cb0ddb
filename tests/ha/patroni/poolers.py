"""PgBouncer: session mode works, transaction mode is refused, a schema without `options=`."""

import json
import uuid

import files
from cluster import Program, until
from load import STEPS


def start(cluster, mode, port):
    users = cluster.folder / f"userlist-{mode}.txt"
    users.write_text(f'"certlife" "{cluster.password}"\n')
    users.chmod(0o600)
    path = cluster.folder / f"pgbouncer-{mode}.ini"
    path.write_text(files.moved("pgbouncer.ini", [
        (r"port=5000", f"port={cluster.haproxy_port}"),
        (r"listen_port = 6432", f"listen_port = {port}"),
        (r"auth_file = .*", f"auth_file = {users}"),
        (r"pool_mode = session", f"pool_mode = {mode}\nunix_socket_dir = "),
    ]))
    return Program(f"pgbouncer-{mode}", ["pgbouncer", path], cluster.folder)


def commands():
    identity = str(uuid.uuid4())
    lines = [{"command": it, "uuid": identity, "idempotency_key": f"{identity}-{it}"}
             for it in STEPS]
    lines[0].update(application_id=1, certificate_title="Diploma", applicant_email="a@example.com")
    return identity, "".join(json.dumps(it) + "\n" for it in lines)


def run(cluster, certlife, ledger):
    print("\nPgBouncer", flush=True)
    urls = {}
    for mode, port in zip(["session", "transaction"], cluster.spare_ports):
        start(cluster, mode, port)
        urls[mode] = cluster.url(f"127.0.0.1:{port}")
    session(cluster, certlife, ledger, urls["session"])
    transaction(certlife, ledger, urls["transaction"])


def session(cluster, certlife, ledger, url):
    def listens():
        return certlife.run("stats", store=url).returncode == 0
    try:
        until(10, "session mode answers", listens)
    except TimeoutError as error:
        ledger.fault(str(error))
    identity, text = commands()
    done = certlife.run("apply", *certlife.patience, store=url, text=text)
    shown = certlife.run("show", identity, "--json", store=url)
    good = done.returncode == 0 and '"approved"' in shown.stdout
    print(f"  session mode: {'works' if good else done.stderr + shown.stderr}")
    if not good:
        ledger.fault("session mode does not work")
    places = cluster.leader().sql(
        "SELECT schemaname FROM pg_tables WHERE tablename = 'certlife_event'", "certlife")
    print(f"  by ALTER ROLE … SET search_path, the tables are in: {places}")
    if places != [("certificates",)]:
        ledger.fault("ALTER ROLE … SET search_path does not name the schema")
    done = certlife.run("stats", store=url + "?options=-csearch_path%3Dcertificates")
    print(f"  session mode with options= in the URL: {done.returncode}, {done.stderr.strip()}")
    if done.returncode == 0:
        ledger.fault("options= is not refused any more: the guide says that it is")


def transaction(certlife, ledger, url):
    _, text = commands()
    for words, given in (["apply", text], ["events", ""], ["list", ""]):
        done = certlife.run(words, store=url, text=given)
        print(f"  transaction mode, {words}: {done.returncode}, {done.stderr.strip()[:300]}")
        if done.returncode != 2 or "pool" not in done.stderr.lower():
            ledger.fault(f"{words} in transaction mode is not refused with the reason")
