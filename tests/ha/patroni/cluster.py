"""Three Patroni nodes, one etcd and HAProxy, on loopback, in one folder."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import psycopg2

import files

# Patroni asks for loop_wait + 2 * retry_timeout <= ttl.
TTL, LOOP_WAIT, RETRY_TIMEOUT = 8, 1, 3


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for it in sockets:
        it.bind(("127.0.0.1", 0))
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def until(seconds, what, condition, pause=0.1):
    """What the condition returns, once that is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s, still not: {what}")
        time.sleep(pause)


class Program:
    """A process of ours, with its output in a file. It ends by its own process id."""

    running = []

    def __init__(self, name, command, folder, **options):
        self.name = name
        log = open(folder / f"{name}.log", "ab")
        self.process = subprocess.Popen(
            [str(it) for it in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            cwd=folder, start_new_session=True, **options)
        log.close()
        Program.running.append(self)

    def end(self, number=signal.SIGTERM, wait=30):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self in Program.running:
            Program.running.remove(self)


class Node:
    def __init__(self, cluster, number, ports):
        self.cluster, self.number = cluster, number
        self.name = f"node{number}"
        self.port, self.rest = ports
        self.folder = cluster.folder / self.name
        self.folder.mkdir(mode=0o700)
        self.data = self.folder / "data"
        self.patroni, self.frozen = None, []

    def write_file(self):
        cluster, here = self.cluster, f"127.0.0.1:{self.port}"
        (self.folder / "patroni.yml").write_text(files.moved("patroni.yml", [
            (r"^name: node1$", f"name: {self.name}"),
            (r"10\.0\.0\.11:8008", f"127.0.0.1:{self.rest}"),
            (r"10\.0\.0\.11:5432", here),
            (r"hosts: 10\.0\.0\.21:2379.*", f"hosts: 127.0.0.1:{cluster.etcd_port}"),
            (r"10\.0\.0\.0/24", "127.0.0.1/32"),
            (r"bin_dir: .*", f"bin_dir: {cluster.bin}"),
            (r"data_dir: .*", f"data_dir: {self.data}"),
            (r"pgpass: .*", f"pgpass: {self.folder}/pgpass"),
            (r"unix_socket_directories: .*", f"unix_socket_directories: {self.folder}"),
            (r"[A-Z]+-PASSWORD", cluster.password),
            (r"ttl: 30", f"ttl: {TTL}"),
            (r"loop_wait: 10", f"loop_wait: {LOOP_WAIT}"),
            (r"retry_timeout: 10", f"retry_timeout: {RETRY_TIMEOUT}"),
        ]))

    def start(self):
        self.patroni = Program(
            self.name, ["patroni", self.folder / "patroni.yml"], self.folder)

    def postmaster(self):
        """Its process id, if it is surely that of this folder."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            command = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return number if str(self.data).encode() in command else None

    def kill_postmaster(self):
        """The postmaster and its children, at once."""
        number = self.postmaster()
        if number is None:
            return
        children = pathlib.Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for it in [number] + [int(child) for child in children]:
            try:
                os.kill(it, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def freeze(self):
        """As a suspended machine: it takes connections, and does not answer. How to thaw it."""
        number = self.postmaster()
        children = pathlib.Path(f"/proc/{number}/task/{number}/children").read_text().split()
        stopped = [self.patroni.process.pid, number] + [int(it) for it in children]
        for it in stopped:
            os.kill(it, signal.SIGSTOP)
        self.frozen = stopped
        return self.thaw

    def thaw(self):
        for it in self.frozen:
            try:
                os.kill(it, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.frozen = []

    def kill(self):
        """As if the machine had lost its power."""
        self.patroni.end(signal.SIGKILL)
        self.kill_postmaster()

    def connect(self, database="postgres"):
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=self.cluster.password,
            dbname=database, connect_timeout=1, application_name="probe")

    def sql(self, statement, database="postgres"):
        connection = self.connect(database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()


class Cluster:
    def __init__(self, folder, programs, password):
        self.folder, self.bin, self.password = folder, programs, password
        self.synchronous = True
        ports = free_ports(11)
        self.etcd_port, self.peer_port, self.haproxy_port = ports[:3]
        self.spare_ports = ports[3:5]
        self.nodes = [Node(self, it + 1, ports[5 + 2 * it:7 + 2 * it]) for it in range(3)]

    def start(self):
        client, peer = (f"http://127.0.0.1:{it}" for it in (self.etcd_port, self.peer_port))
        Program("etcd", [
            "etcd", "--data-dir", self.folder / "etcd", "--name", "etcd1",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"etcd1={peer}"], self.folder)
        changes = [("bind 127.0.0.1:5000", f"bind 127.0.0.1:{self.haproxy_port}")]
        for node in self.nodes:
            node.write_file()
            node.start()
            before = rf"10\.0\.0\.1{node.number}:5432 check port 8008"
            changes.append((before, f"127.0.0.1:{node.port} check port {node.rest}"))
        (self.folder / "haproxy.cfg").write_text(files.moved("haproxy.cfg", changes))
        self.until_healthy(90)
        Program("haproxy", ["haproxy", "-db", "-f", self.folder / "haproxy.cfg"], self.folder)

    def members(self):
        """What Patroni's REST API tells of the nodes: name to role, state, timeline."""
        for node in self.nodes:
            try:
                url = f"http://127.0.0.1:{node.rest}/cluster"
                with urllib.request.urlopen(url, timeout=2) as answer:
                    members = json.load(answer)["members"]
                return {it["name"]: it for it in members}
            except (OSError, urllib.error.URLError, ValueError):
                continue
        return {}

    def with_role(self, role):
        found = [it for it in self.members().values() if it["role"] == role]
        return self.nodes[int(found[0]["name"][4:]) - 1] if found else None

    def leader(self):
        return until(30, "a leader", lambda: self.with_role("leader"))

    def is_healthy(self):
        members = self.members().values()
        roles = sorted(it["role"] for it in members)
        timelines = {it.get("timeline") for it in members}
        running = all(it["state"] in ("running", "streaming") for it in members)
        wanted = ["leader", "replica", "sync_standby" if self.synchronous else "replica"]
        return roles == wanted and running and len(timelines) == 1

    def until_healthy(self, seconds=180):
        until(seconds, "a leader, a synchronous standby, a standby", self.is_healthy, 0.2)

    def patronictl(self, *words):
        command = ["patronictl", "-c", str(self.nodes[0].folder / "patroni.yml"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")

    def hosts(self):
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def url(self, hosts, more=""):
        return f"postgres://certlife:{self.password}@{hosts}/certlife{more}"

    def end(self):
        for node in self.nodes:
            node.thaw()
        # All at once: one by one takes three times as long. Patroni needs etcd meanwhile.
        others = [it for it in Program.running if it.name != "etcd"]
        for it in others:
            if it.process.poll() is None:
                it.process.terminate()
        for it in others + list(Program.running):
            it.end(wait=15)
        for node in self.nodes:
            node.kill_postmaster()


class Probe:
    """Looks every 50 ms which node is the leader, on which timeline, and when it commits."""

    LOOK = "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN NULL " \
        "ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END"

    def __init__(self, nodes):
        self.promoted = {}  # timeline: when and where a server was first none in recovery
        self.writable = {}  # timeline: when a commit was first answered, standby included
        for node in nodes:
            threading.Thread(target=self.look, args=[node], daemon=True).start()

    def look(self, node):
        connection = None
        while True:
            try:
                if connection is None:
                    connection = node.connect()
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(self.LOOK)
                    standby, timeline = cursor.fetchone()
                    if not standby:
                        self.promoted.setdefault(timeline, (time.monotonic(), node.name))
                        if timeline not in self.writable:
                            cursor.execute("SELECT pg_logical_emit_message(true, 'probe', '')")
                            self.writable.setdefault(timeline, time.monotonic())
            except psycopg2.Error:
                connection = None
            time.sleep(0.05)

    def timeline(self):
        return max(self.writable)
