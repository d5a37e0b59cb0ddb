"""What happens to the cluster, and what has to be true afterwards."""

import json
import os
import signal
import time

from cluster import until

# By ../../../docs/high-availability.md: from a writable leader to the first acknowledgement.
LATEST = 3.0
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'certlife'"


class Campaign:
    def __init__(self, cluster, probe, certlife, ledger, writers, readers, store):
        self.cluster, self.probe, self.certlife, self.ledger = cluster, probe, certlife, ledger
        self.writers, self.store = writers, store
        self.follower, self.deliveries = readers
        self.rows = []
        self.known = []  # the feed as it was read last

    def feed(self, *after):
        """The events, once every event acknowledged before is among them, for 10 s at most."""
        wanted = len(self.ledger.acknowledged)
        end = time.monotonic() + 10
        while True:
            done = self.certlife.run("events", "--json", *after, store=self.store)
            events = [json.loads(line) for line in done.stdout.splitlines()]
            if done.returncode == 0 and (after or len(events) >= wanted):
                return events
            if time.monotonic() > end:
                if done.returncode != 0:
                    self.ledger.fault(f"events ended with {done.returncode}: {done.stderr}")
                return events
            time.sleep(0.5)

    def until_all_go_on(self, since, seconds=60):
        """When the first and the last of the writers have their first acknowledgement."""
        first = {}

        def all_have():
            for writer in self.writers:
                acknowledged = self.ledger.since(since, writer.name)
                if acknowledged:
                    first[writer.name] = acknowledged[0][0]
            return len(first) == len(self.writers)

        try:
            until(seconds, "each writer goes on", all_have)
        except TimeoutError:
            missing = [it.name for it in self.writers if it.name not in first]
            self.ledger.fault(f"after {seconds} s, these still have no answer: {missing}")
        return first

    def under_way(self, name):
        """The cluster is whole, and all writers work."""
        print(f"\n{name}", flush=True)
        self.cluster.until_healthy()
        time.sleep(2)
        self.until_all_go_on(time.monotonic())

    def scenario(self, name, happens, afterwards=None, seconds=60):
        """Under load: it happens, a leader on a new timeline is there, all goes on."""
        self.under_way(name)
        faults, timeline = len(self.ledger.faults), self.probe.timeline()
        began = time.monotonic()
        happens()
        until(seconds, "a leader on a new timeline", lambda: self.probe.timeline() > timeline, 0.02)
        timeline = self.probe.timeline()
        promoted, node = self.probe.promoted[timeline]
        writable = self.probe.writable[timeline]
        first = self.until_all_go_on(writable)
        if afterwards:
            afterwards()
        print(f"  {node} on timeline {timeline}: leader after {promoted - began:.2f} s,"
              f" commits with a standby after {writable - began:.2f} s")
        for path in ("hosts", "haproxy"):
            times = sorted(when - writable for it, when in first.items() if it.startswith(path))
            if times:
                print(f"  first acknowledgement by {path}: {times[0]:.2f} s later,"
                      f" last writer's first: {times[-1]:.2f} s")
                if times[0] > LATEST and path == "hosts":
                    self.ledger.fault(f"by {path}, the first answer is {times[0]:.1f} s late")
        for node in self.cluster.nodes:
            if node.patroni.process.poll() is not None:
                node.start()
        self.cluster.until_healthy()
        self.verify(name, began, faults)

    def verify(self, name, began, faults):
        acknowledged = list(self.ledger.acknowledged)
        kept = self.known[-1]["cursor"] if self.known else None
        events = self.feed()
        self.nothing_is_lost(acknowledged, events)
        if kept is not None:
            self.no_gap_after(kept, events)
        self.follower_saw(events)
        self.deliveries.verify(events)
        self.known = events
        ended = [it for it in self.ledger.ended if it[0] >= began]
        if len(ended) > 6:
            print(f"  {len(ended)} runs ended, of these the first 6:")
        for when, writer, status, said in ended[:6]:
            print(f"  {writer} ended with {status} after {when - began:.1f} s: {said}")
        good = len(self.ledger.faults) == faults
        print(f"  {len(acknowledged)} acknowledged, {len(events)} in the feed: "
              + ("nothing lost, no gap" if good else "NOT as it should be"))
        self.rows.append((name, "ok" if good else "FAULT", len(ended)))

    def nothing_is_lost(self, acknowledged, events):
        places = {}
        for event in events:
            key = json.dumps(event["payload"], sort_keys=True)
            places.setdefault(key, []).append(event["cursor"])
        wrong = []
        for _, _, key, payload in acknowledged:
            found = places.get(json.dumps(payload, sort_keys=True), [])
            if len(found) != 1:
                wrong.append(f"{key} {len(found)} times")
        if wrong:
            some = ", ".join(wrong[:4])
            self.ledger.fault(f"{len(wrong)} acknowledged events are not there once: {some}")

    def no_gap_after(self, cursor, events):
        before = [it["event_id"] for it in self.known]
        if [it["event_id"] for it in events[:len(before)]] != before:
            self.ledger.fault("what the feed had before has changed")
        after = [it["event_id"] for it in self.feed("--after", cursor)]
        expected = [it["event_id"] for it in events[len(before):]]
        if after[:len(expected)] != expected:
            self.ledger.fault(f"after the cursor {cursor}, the feed has a gap")

    def follower_saw(self, events):
        wanted = [it["event_id"] for it in events]
        try:
            until(15, "the follower", lambda: len(self.follower.seen) >= len(wanted))
        except TimeoutError:
            pass
        seen = [it["event_id"] for it in self.follower.seen[:len(wanted)]]
        if seen != wanted:
            at = next((i for i, it in enumerate(seen) if it != wanted[i]), len(seen))
            self.ledger.fault(
                f"the follower saw {len(self.follower.seen)} of {len(wanted)},"
                f" otherwise from {at} on")

    def switchover(self):
        standby = self.cluster.with_role("sync_standby")
        self.cluster.patronictl("switchover", "certlife", "--candidate", standby.name, "--force")

    def strict_without_standby(self):
        """Nothing is acknowledged while no standby has it, also not when the wait is ended."""
        name = "strict synchronous mode without a standby"
        self.under_way(name)
        faults, began = len(self.ledger.faults), time.monotonic()
        leader = self.cluster.leader()
        standbys = [it for it in self.cluster.nodes if it is not leader]
        for node in standbys:
            node.kill()
        # What was on the standby already may still be read here.
        time.sleep(1)
        seen = len(self.follower.seen)
        self.quiet(4, "without a standby")
        for end in ("pg_cancel_backend", "pg_terminate_backend"):
            ended = 0
            for _ in range(6):
                ended += len(leader.sql(f"SELECT {end}(pid) FROM ({WAITING}) AS waiting"))
                time.sleep(0.5)
            print(f"  {end}: {ended} waiting sessions")
            if ended == 0:
                self.ledger.fault(f"no session waits for a standby, {end} shows nothing")
            self.quiet(2, f"after {end}", since=time.monotonic() - 3)
        if len(self.follower.seen) > seen:
            number = len(self.follower.seen) - seen
            self.ledger.fault(f"the feed had {number} events that were on one server only")
        back = time.monotonic()
        for node in standbys:
            node.start()
        self.cluster.until_healthy()
        healthy = time.monotonic()
        first = self.until_all_go_on(back)
        print(f"  standbys in step {healthy - back:.1f} s after their start,"
              f" all writers go on after {max(first.values(), default=0) - back:.1f} s")
        self.verify(name, began, faults)

    def quiet(self, seconds, when, since=None):
        since = time.monotonic() if since is None else since
        time.sleep(seconds)
        early = self.ledger.since(since)
        if early:
            self.ledger.fault(f"{when}: {len(early)} commands were acknowledged on one server only")

    def not_strict_without_standby(self):
        """Patroni lets the leader go on alone, within its loop."""
        name = "synchronous mode, not strict, without a standby"
        self.cluster.patronictl(
            "edit-config", "certlife", "--force", "-q", "-s", "synchronous_mode_strict=false")
        self.under_way(name)
        faults, began = len(self.ledger.faults), time.monotonic()
        leader = self.cluster.leader()
        standbys = [it for it in self.cluster.nodes if it is not leader]
        for node in standbys:
            node.kill()
        first = self.until_all_go_on(time.monotonic() + 0.5)
        print(f"  goes on alone after {min(first.values(), default=0) - began:.1f} s")
        for node in standbys:
            node.start()
        self.cluster.until_healthy()
        self.cluster.patronictl(
            "edit-config", "certlife", "--force", "-q", "-s", "synchronous_mode_strict=true")
        self.verify(name, began, faults)

    def lag_and_die(self):
        """The leader acknowledges for 2 s what it sends to no standby, and is killed."""
        leader = self.cluster.leader()
        for (number,) in leader.sql("SELECT pid FROM pg_stat_replication"):
            os.kill(number, signal.SIGSTOP)
        time.sleep(2)
        leader.kill()

    def asynchronous(self):
        self.cluster.patronictl(
            "edit-config", "certlife", "--force", "-q", "-s", "synchronous_mode=false")
        self.cluster.synchronous = False
        self.scenario("asynchronous standbys: losses are expected, and found", self.lag_and_die)

    def run(self, chosen):
        leader = self.cluster.leader
        if "asynchronous" in chosen:
            self.cluster.until_healthy()
            self.asynchronous()
        if "switchover" in chosen:
            self.scenario("switchover", self.switchover)
        if "leader" in chosen:
            self.scenario("killed leader", lambda: leader().kill())
        if "postmaster" in chosen:
            self.scenario("killed postmaster", lambda: leader().kill_postmaster())
        if "frozen" in chosen:
            frozen = []
            self.scenario("frozen leader, which comes back later",
                          lambda: frozen.append(leader().freeze()), lambda: frozen[0]())
        if "strict" in chosen:
            self.strict_without_standby()
        if "alone" in chosen:
            self.not_strict_without_standby()
