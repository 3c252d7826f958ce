"""The two programs, as processes that never outlive this one's cases; and network namespaces for them."""

import itertools
import os
import signal
import subprocess
import threading
import time


NUMBERS = itertools.count()


def now():
    return int(time.time() * 1000)


class Process:
    """A child that says things, line by line."""

    def __init__(self, *command, prefix=(), **options):
        self.lines, self.more = [], threading.Condition()
        self.child = subprocess.Popen(
            [*prefix, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()

    def wait_for(self, start, seconds=20):
        """What follows `start` on the first line that begins with it."""
        def found():
            return next((line for line in self.lines if line.startswith(start)), None)
        with self.more:
            self.more.wait_for(found, seconds)
            if (line := found()) is None:
                raise TimeoutError(f"{self.child.args[0]} never said {start!r}")
            return line[len(start):].strip()

    def signal(self, number):
        self.child.send_signal(number)

    def end(self, seconds):
        """The status that it ends with by itself; None if it does not in time."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Server(Process):
    def __init__(self, exchange, address, log, flags, prefix=()):
        super().__init__(exchange, "serve", address, "--log", log, *flags, prefix=prefix)
        # When it is started again, it has to be found where it was.
        self.address = self.wait_for("listening on ws://")


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


class Namespaces:
    """Two namespaces, `client` and `server`, with a cable between them and nothing else."""

    SERVER = "10.213.0.2"

    def __init__(self):
        name = f"lw{os.getpid()}n{next(NUMBERS)}"
        self.names = {"client": name + "c", "server": name + "s"}

    def __enter__(self):
        try:
            for name in self.names.values():
                run("ip", "netns", "add", name)
            run("ip", "-n", self.names["client"], "link", "add", "cable", "type", "veth",
                "peer", "name", "cable", "netns", self.names["server"])
            for side, address in (("client", "10.213.0.1/24"), ("server", self.SERVER + "/24")):
                self.ip(side, "addr", "add", address, "dev", "cable")
                self.ip(side, "link", "set", "lo", "up")
                self.ip(side, "link", "set", "cable", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)

    def ip(self, side, *command):
        run("ip", "-n", self.names[side], *command)

    def inside(self, side):
        return ("ip", "netns", "exec", self.names[side])

    def link(self, state):
        self.ip("client", "link", "set", "cable", state)

    def drop(self, percent):
        """Drops that part of the packets that reach the server, and of those that reach the client."""
        for side in self.names:
            if NETEM:
                run(*self.inside(side), "tc", "qdisc", "replace", "dev", "cable", "root", "netem",
                    "loss", f"{percent}%")
            else:
                which = f"numgen random mod 100 < {percent}" if percent < 100 else ""
                self.filter(side, f"{which} drop")

    def refuse(self):
        """Has the client's packets answered with RST, as some firewalls do."""
        self.filter("server", "reject with tcp reset")

    def filter(self, side, verdict):
        run(*self.inside(side), "nft", "add table inet lw; flush table inet lw; "
            "add chain inet lw arrive { type filter hook input priority 0; }; "
            f"add rule inet lw arrive iifname cable meta l4proto tcp {verdict}")

    def heal(self):
        for side in self.names:
            # What is not there need not be taken away.
            run(*self.inside(side), "tc", "qdisc", "del", "dev", "cable", "root", check=False)
            run(*self.inside(side), "nft", "delete table inet lw", check=False)


NETEM = False


def can(do):
    """None if `do` can be done to namespaces; otherwise why not."""
    try:
        with Namespaces() as namespaces:
            do(namespaces)
        return None
    except FileNotFoundError as error:
        return f"{error.filename} is not there"
    except subprocess.CalledProcessError as error:
        tool = error.cmd[4] if error.cmd[1:3] == ("netns", "exec") else error.cmd[0]
        return f"{tool}: {error.stderr.strip().splitlines()[0]}"


def can_drop():
    """None if packets can be dropped; otherwise why not. Says which way."""
    global NETEM
    reasons = []
    for NETEM in (True, False):
        if not (why := can(lambda namespaces: namespaces.drop(50))):
            print(f"packets are dropped with {'tc netem' if NETEM else 'nft'}", flush=True)
            return None
        reasons.append(why)
    return "; ".join(reasons)


def can_refuse():
    return can(Namespaces.refuse)


STOP, CONT, KILL, TERM = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL, signal.SIGTERM
