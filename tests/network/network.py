"""Two ends of a long connection, and what networks and servers do: see run.sh for the flags.

Every case runs `exchange client` on one runtime against `exchange serve` on the other, while both send
numbered messages, and does something to the server or the network between them. Afterwards the
journals of both ends must agree.
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import judge
from ends import CONT, STOP, TERM, Namespaces, Process, Server, can, can_drop, can_refuse, now

BASE, CAP = 50, 500
HEARTBEAT, CONFIRM, CONNECT = 1, 2, 2
# Not promises about speed: for a machine that does other things as well.
SLACK = 2000
# A peer that says nothing is noticed by the heartbeat or by the fence, whichever is first, and
# the time for a fence is prolonged once if bytes came after it had left.
DETECTED = 1000 * max(2 * HEARTBEAT, 2 * CONFIRM) + SLACK
# An attempt that is under way when the fault ends may fail, and then the back-off passes.
REOPENED = 1000 * CONNECT + CAP + SLACK

FLAGS = ["--backoff", f"{BASE},{CAP}", "--heartbeat", str(HEARTBEAT), "--confirm", str(CONFIRM),
         "--connect-timeout", str(CONNECT)]
OTHER = {"tokio": "smol", "smol": "tokio"}


class Case:
    """One exchange. `faults` are (beginning, end) in milliseconds, once they are over."""

    notice = ()  # who has to notice the silence of the other
    restarts = False  # the server is another process afterwards
    must_end = True  # each fault ends a connection, or an attempt

    def __init__(self, options, runtime, shared=False):
        self.options, self.runtime, self.shared = options, runtime, shared
        self.client_name = runtime + (", shared" if shared else "")
        self.folder = tempfile.mkdtemp(prefix=f"longwire-{self.name}-{runtime}-")
        self.judged = False
        self.faults, self.failures, self.notes = [], [], []
        self.seconds = min(options.seconds, 20)
        self.rate, self.size = 250, 4000
        self.messages = int(self.rate * self.seconds)
        self.prefix = {"client": (), "server": ()}
        self.listen = "127.0.0.1:0"
        self.server = self.client = None

    def flags(self, runtime):
        deadline = self.seconds + 60
        return ["--runtime", runtime, "--messages", str(self.messages), "--rate", str(self.rate),
                "--size", str(self.size), "--deadline", str(deadline), *FLAGS]

    def start_server(self):
        self.server = Server(self.options.exchange, self.listen, self.path("server"),
                             self.flags(OTHER[self.runtime]), self.prefix["server"])
        # In place of the port that was chosen for the first.
        self.listen = self.server.address

    def start_client(self):
        self.client = Process(self.options.exchange, "client", f"ws://{self.reach()}/?me", "--log",
                              self.path("client"), *self.flags(self.runtime), *["--shared"] * self.shared,
                              prefix=self.prefix["client"])

    def path(self, name):
        return os.path.join(self.folder, name)

    def reach(self):
        return self.server.address

    def rounds(self, calm, fault):
        """Does the fault as often as there is time for while messages flow, and calm around it."""
        begun = time.monotonic()
        while True:
            time.sleep(calm)
            before = now()
            fault()
            self.faults.append((before, now()))
            if time.monotonic() - begun + calm + (self.faults[-1][1] - before) / 1000 > self.seconds:
                return

    def prepare(self):
        pass

    def finish(self):
        pass

    def faulty(self):
        raise NotImplementedError

    def run(self):
        try:
            self.prepare()
            self.start_server()
            self.begun = now()
            self.start_client()
            self.faulty()
            status = self.client.end(self.seconds + 70)
            self.ended = now()
            if status != 0:
                self.failures.append(f"the client ended with status {status}")
            # It ends when its client is done; what is cut in the closing handshake it cannot know.
            status = self.server.end(10)
            if status != 0:
                self.failures.append(f"the server ended with status {status}")
        finally:
            for process in (self.client, self.server):
                if process:
                    process.kill()
            self.finish()
        self.judge()

    def judge(self):
        client = self.journal = judge.Journal(self.path("client"))
        server = judge.Journal(os.path.join(self.path("server"), "me.log"))
        self.up = judge.Direction("client to server", client, server, self.messages)
        self.down = judge.Direction("server to client", server, client, self.messages, self.restarts, self.shared)
        self.failures += self.up.failures + self.down.failures
        self.failures += judge.one_end_for_each_attempt(client)
        self.failures += judge.retries_are_in_time(client, SLACK if self.shared else 50, SLACK)
        self.detected = []
        self.reopened = judge.reconnects(client, self.faults)
        if (slowest := max(self.reopened, default=0)) > REOPENED:
            self.failures.append(f"open again only {slowest} ms after a fault, not {REOPENED}")
        for fault in self.faults:
            for name, journal in (("client", client), ("server", server)):
                if name in self.notice:
                    self.judge_silence(name, journal, fault)
        # The last one is the client's own doing.
        ended = len(client.downs()) - 1
        if not self.faults or (self.must_end and ended < len(self.faults)):
            self.failures.append(f"{len(self.faults)} faults ended {ended} attempts")
        self.judged = True

    def judge_silence(self, name, journal, fault):
        """Noticed while it lasts."""
        downs = [(when, why) for when, _, why in journal.downs() if when >= fault[0]]
        took = downs[0][0] - fault[0] if downs else fault[1]
        if took > min(DETECTED, fault[1] - fault[0]):
            self.failures.append(f"{name}: the silence was not noticed within {DETECTED} ms")
        else:
            self.detected.append(took)
            self.notes.append(f"{name}: {re.sub('[0-9]+', 'N', downs[0][1])}")

    def row(self):
        if not self.judged:
            return [self.name, self.client_name, *["–"] * (len(HEAD) - 3), "FAILED"]

        def longest(times):
            return f"{max(times) / 1000:.2f} s" if times else "–"
        return [
            self.name, self.client_name, len(self.faults), self.journal.count("connecting"),
            self.journal.count("open"), f"{self.messages:,} + {self.messages:,}",
            f"{self.up.duplicates} of {sum(self.up.announced.values())}",
            f"{self.down.duplicates} of {sum(self.down.announced.values())}",
            longest(self.detected), f"{sum(over - begun for begun, over in self.journal.outages()) / 1000:.1f} s", longest(self.reopened),
            f"{(self.ended - self.begun) / 1000:.0f} s", "FAILED" if self.failures else "ok",
        ]


HEAD = ["case", "client", "faults", "attempts", "opened", "messages", "duplicates seen of announced, to server",
        "to client", "silence noticed within", "downtime", "longest reconnect after a fault", "took", ""]


class Killed(Case):
    """kill -9, and started again a second later."""

    name, restarts = "kill", True

    def faulty(self):
        def fault():
            self.server.kill()
            time.sleep(1)
            self.start_server()
        self.rounds(2, fault)


class Restarted(Case):
    """SIGTERM: it closes with 1001, ends, and is started again."""

    name, restarts = "restart", True

    def faulty(self):
        def fault():
            self.server.signal(TERM)
            if (status := self.server.end(15)) != 0:
                self.failures.append(f"after SIGTERM the server ended with status {status}")
                self.server.kill()
            self.start_server()
        self.rounds(2, fault)

    def judge(self):
        super().judge()
        told = sum("1001" in why for _, _, why in self.journal.downs())
        if told != len(self.faults):
            self.failures.append(f"{len(self.faults)} restarts, {told} closes with 1001")


class Stopped(Case):
    """SIGSTOP: the operating system still answers for the server. SIGCONT."""

    name, notice = "stop", ("client",)

    def faulty(self):
        def fault():
            self.server.signal(STOP)
            time.sleep(6)
            self.server.signal(CONT)
        self.rounds(1.5, fault)


class Slept(Case):
    """The client is stopped, as a laptop that is shut: its clock jumps."""

    name, notice = "sleep", ("server",)

    def faulty(self):
        def fault():
            self.client.signal(STOP)
            time.sleep(6)
            self.client.signal(CONT)
        self.rounds(1.5, fault)


class Namespaced(Case):
    def prepare(self):
        self.namespaces = Namespaces()
        self.namespaces.__enter__()
        for side in self.prefix:
            self.prefix[side] = self.namespaces.inside(side)
        self.listen = Namespaces.SERVER + ":0"

    def finish(self):
        self.namespaces.__exit__()


class LinkDown(Namespaced):
    """ip link set down, and up again."""

    name, notice = "link", ("client", "server")

    def faulty(self):
        def fault():
            self.namespaces.link("down")
            time.sleep(6)
            self.namespaces.link("up")
        self.rounds(1.5, fault)


class Dropped(Namespaced):
    """All packets are dropped, without a word."""

    name, notice = "drop", ("client", "server")

    def faulty(self):
        def fault():
            self.namespaces.drop(100)
            time.sleep(6)
            self.namespaces.heal()
        self.rounds(1.5, fault)


class Lossy(Namespaced):
    """A third of the packets is dropped: slow, and perhaps silent for long enough to be given up."""

    name, must_end = "loss", False

    def faulty(self):
        def fault():
            self.namespaces.drop(33)
            time.sleep(self.seconds / 2)
            self.namespaces.heal()
        self.rounds(1, fault)


class Refused(Namespaced):
    """A firewall answers for the server, with RST."""

    name = "refuse"

    def faulty(self):
        def fault():
            self.namespaces.refuse()
            time.sleep(1.5)
            self.namespaces.heal()
        self.rounds(1.5, fault)


class Cut(Case):
    """A proxy that cuts connections at random, by RST and by FIN, in the middle of frames."""

    name = "proxy"

    def prepare(self):
        self.seconds = self.options.seconds
        self.messages = max(1, int(10_000 * self.seconds / 60))
        self.rate = round(10_000 / 60)
        self.seed = self.options.random.randrange(1 << 32)
        self.proxy = None
        print(f"proxy on {self.client_name}: seed {self.seed}", flush=True)

    def reach(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy.py")
        self.proxy = Process(sys.executable, script, self.server.address, str(self.seconds), str(self.options.mean),
                             str(self.seed))
        return self.proxy.wait_for("listening")

    def finish(self):
        if self.proxy:
            self.proxy.kill()

    def faulty(self):
        self.proxy.wait_for("calm", self.seconds + 20)
        cuts = [line.split(" ") for line in self.proxy.lines if line.startswith("cut ")]
        self.faults = [(int(when), int(when)) for _, when, _ in cuts]
        hows = [how for _, _, hows in cuts for how in hows.split("+")]
        self.notes.append(f"{hows.count('rst')} ends by RST, {hows.count('fin')} by FIN")
        if not {"rst", "fin"} <= set(hows):
            self.failures.append("not cut by both RST and FIN")


CASES = [Killed, Restarted, Stopped, Slept, LinkDown, Dropped, Refused, Lossy, Cut]


def missing(case):
    """Why this machine cannot run the case; None if it can."""
    if not issubclass(case, Namespaced):
        return None
    return {LinkDown: lambda: can(lambda _: None), Refused: can_refuse}.get(case, can_drop)()


def attempt(case):
    try:
        case.run()
    except Exception as error:
        traceback.print_exc()
        case.failures.append(f"{type(error).__name__}: {error}")


def report(case):
    """Says how it went, and whether it failed."""
    name = f"{case.name} on {case.client_name}"
    for note in sorted(set(case.notes)):
        print(f"{name}: {note}", flush=True)
    for failure in case.failures[:20]:
        print(f"not ok - {name}: {failure}", flush=True)
    if case.failures:
        print(f"journals: {case.folder}", flush=True)
        return True
    print(f"ok - {name}", flush=True)
    shutil.rmtree(case.folder)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runtime", choices=["tokio", "smol", "both"], default="both")
    parser.add_argument("--mean", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    options.random = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    runtimes = ("tokio", "smol") if options.runtime == "both" else (options.runtime,)
    rows, failed, skipped = [], 0, 0
    for case in CASES:
        if options.only and case.name not in options.only:
            continue
        if why := missing(case):
            print(f"skipped: {case.name}: {why}", flush=True)
            skipped += 1
            continue
        these = [case(options, runtime, shared) for runtime in runtimes for shared in (False, True)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(attempt, these))
        for this in these:
            failed += report(this)
            rows.append(this.row())
    for row in (HEAD, ["---"] * len(HEAD), *rows):
        print("|", " | ".join(str(cell) for cell in row), "|")
    print(f"network: {len(rows) - failed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not (rows or skipped) else 0)


if __name__ == "__main__":
    main()
