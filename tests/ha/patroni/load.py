"""Keyed commands by `certlife apply`, a follower by `certlife events --follow`, and the ledger."""

import json
import queue
import re
import subprocess
import threading
import time
import uuid

STEPS = ["submit", "begin_processing", "approve"]
# Longer than any scenario: an answer that takes this long is a fault of its own.
LONGEST_ANSWER = 90
# Every command is legal: only these may keep one from being carried out.
PASSING = ["unavailable", "unknown_outcome"]
REFUSED = object()


class Certlife:
    """The binary, and which options it has."""

    def __init__(self, path):
        self.path = str(path)
        self.patience = self.patience_of("apply")

    def patience_of(self, command):
        """Also behind the one address of HAProxy, longer than any failover here."""
        if "--patience" not in self.output(command, "--help"):
            return []
        return ["--patience", "60s" if self.takes("60s") else "60"]

    def takes(self, value):
        words = ["apply", "--store", "memory:", "--patience", value]
        return subprocess.run([self.path, *words], stdin=subprocess.DEVNULL,
                              capture_output=True).returncode == 0

    def output(self, *words):
        return subprocess.run([self.path, *words], capture_output=True, text=True).stdout

    def has(self, command):
        return re.search(rf"^  {command}\s", self.output("--help"), re.MULTILINE)

    def run(self, *words, store, text=""):
        command = [self.path, *words, "--store", store]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)

    def start(self, *words, store=None):
        place = ["--store", store] if store else []
        return subprocess.Popen(
            [self.path, *words, *place], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def lines_into(stream, kind, into):
    def read():
        for line in stream:
            into.put((kind, line, time.monotonic()))
        into.put((kind, None, time.monotonic()))
    threading.Thread(target=read, daemon=True).start()


class Ledger:
    """What was acknowledged, and what went otherwise than it should."""

    def __init__(self):
        self.acknowledged = []  # (when, writer, key, payload)
        self.faults = []
        self.ended = []  # (when, writer, exit status, what it said)

    def fault(self, text):
        self.faults.append(text)
        print(f"  FAULT: {text}", flush=True)

    def since(self, when, writer=None):
        known = list(self.acknowledged)
        return [it for it in known if it[0] >= when and writer in (None, it[1])]


class Writer(threading.Thread):
    """One command after the other, each with a key. Without an answer, it is given again."""

    def __init__(self, name, certlife, store, ledger):
        super().__init__(daemon=True)
        self.name, self.certlife, self.store, self.ledger = name, certlife, store, ledger
        self.process, self.answers = None, None
        self.ending = threading.Event()

    def command(self, number):
        step = STEPS[number % len(STEPS)]
        application = number // len(STEPS)
        command = {
            "command": step, "idempotency_key": f"{self.name}-{number}",
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{application}"))}
        if step == "submit":
            command.update(application_id=application + 1, certificate_title="Diploma",
                           applicant_email="john@example.com")
        return command

    def run(self):
        number = 0
        while not self.ending.is_set():
            self.carry_out(self.command(number))
            number += 1
            self.ending.wait(0.02)
        self.close()

    def carry_out(self, command):
        while not self.ending.is_set():
            try:
                self.open()
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                self.reap()
                continue
            answer = self.answer(command)
            if answer is not None:
                if answer is not REFUSED:
                    self.ledger.acknowledged.append(answer)
                return
        return

    def open(self):
        if self.process is None:
            words = ["apply", *self.certlife.patience]
            self.process = self.certlife.start(*words, store=self.store)
            self.answers, self.said = queue.Queue(), []
            lines_into(self.process.stdout, "event", self.answers)
            lines_into(self.process.stderr, "said", self.answers)

    def answer(self, command):
        """The acknowledgement; nothing where the command has to be given again."""
        end = time.monotonic() + LONGEST_ANSWER
        while not self.ending.is_set():
            try:
                kind, line, when = self.answers.get(timeout=0.2)
            except queue.Empty:
                if time.monotonic() > end:
                    self.ledger.fault(f"{self.name}: no answer for {LONGEST_ANSWER} s")
                    self.process.kill()
                    end = time.monotonic() + LONGEST_ANSWER
                continue
            if kind == "said" and line is not None:
                self.said.append(line.strip())
                if self.is_refused(line):
                    self.ledger.fault(f"{self.name}: refused: {line.strip()}")
                    return REFUSED
            elif line is None:
                if kind == "event":
                    self.reap()
                    return None
            else:
                payload = json.loads(line)
                if payload["uuid"] != command["uuid"]:
                    self.ledger.fault(f"{self.name}: the event of another command: {line}")
                return (when, self.name, command["idempotency_key"], payload)
        return None

    def is_refused(self, line):
        try:
            return json.loads(line)["error"] not in PASSING
        except (ValueError, KeyError, TypeError):
            return False

    def reap(self):
        status = self.process.wait()
        # What it said last stands behind what was read.
        while True:
            try:
                kind, line, _ = self.answers.get(timeout=0.2)
                if kind == "said" and line is not None:
                    self.said.append(line.strip())
            except queue.Empty:
                break
        self.process = None
        said = self.said[-1] if self.said else ""
        self.ledger.ended.append((time.monotonic(), self.name, status, said))
        if status != 2:
            self.ledger.fault(f"{self.name}: ended with exit status {status}: {said}")
        time.sleep(0.2)

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Follower:
    """`certlife events --follow`, in one process for as long as that lives."""

    def __init__(self, certlife, store, ledger):
        self.certlife, self.store, self.ledger = certlife, store, ledger
        self.seen = []
        self.ending = False
        self.start()

    def start(self):
        words = ["events", "--json", "--follow", *self.certlife.patience_of("events")]
        if self.seen:
            words += ["--after", self.seen[-1]["cursor"]]
        self.process = self.certlife.start(*words, store=self.store)
        threading.Thread(target=self.read, args=[self.process], daemon=True).start()
        threading.Thread(target=self.drain, args=[self.process], daemon=True).start()

    def drain(self, process):
        self.said = ""
        for line in process.stderr:
            self.said = line.strip()

    def read(self, process):
        for line in process.stdout:
            self.seen.append(json.loads(line))
        status = process.wait()
        if not self.ending:
            time.sleep(0.5)
            self.ledger.fault(f"the follower ended with exit status {status}: {self.said}")
            self.start()

    def end(self):
        self.ending = True
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
