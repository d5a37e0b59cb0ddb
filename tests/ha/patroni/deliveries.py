"""`certlife deliver` and `certlife listen`: each event arrives, and none that is not there."""

import json
import threading
import time

from cluster import until

LOCAL = ["--allow-http", "--allow-target", "127.0.0.0/8"]


class Deliveries:
    def __init__(self, certlife, store, ledger):
        self.certlife, self.store, self.ledger = certlife, store, ledger
        self.received = {}  # event id: how often
        self.ending = False
        self.listener = certlife.start("listen", "--json", "--port", "0")
        url = json.loads(self.listener.stderr.readline())["url"]
        threading.Thread(target=self.listen, daemon=True).start()
        added = certlife.run("webhook", "add", url, "--json", *LOCAL, store=store)
        if added.returncode != 0:
            raise RuntimeError(f"webhook add: {added.stderr}")
        self.deliver()

    def listen(self):
        for line in self.listener.stdout:
            event = json.loads(line)["event_id"]
            self.received[event] = self.received.get(event, 0) + 1

    def deliver(self):
        words = ["deliver", "--log", "error", *self.certlife.patience_of("deliver"), *LOCAL]
        self.dispatcher = self.certlife.start(*words, store=self.store)
        threading.Thread(target=self.watch, args=[self.dispatcher], daemon=True).start()

    def watch(self, dispatcher):
        said = [line.strip() for line in dispatcher.stderr]
        status = dispatcher.wait()
        if not self.ending:
            self.ledger.fault(f"deliver ended with exit status {status}: {' | '.join(said[-2:])}")
            time.sleep(0.5)
            self.deliver()

    def verify(self, events):
        wanted = {it["event_id"] for it in events}
        try:
            until(60, "all deliveries", lambda: wanted <= self.received.keys())
        except TimeoutError:
            late = len(wanted - self.received.keys())
            self.ledger.fault(f"60 s later, {late} events have not been delivered")
        repeated = sum(number - 1 for number in dict(self.received).values())
        print(f"  all of them delivered; repeats so far: {repeated}")

    def verify_none_is_invented(self, events):
        """At the end, when nothing comes any more."""
        invented = len(self.received.keys() - {it["event_id"] for it in events})
        if invented:
            self.ledger.fault(f"{invented} events were delivered that the store does not have")

    def end(self):
        self.ending = True
        for process in (self.dispatcher, self.listener):
            process.terminate()
            try:
                process.wait(10)
            except Exception:
                process.kill()
                process.wait()
