"""What the journals of the two ends say about each other: see tests/src/bin/exchange/journal.rs."""

from collections import Counter


class Journal:
    def __init__(self, path):
        self.lines = []
        with open(path, encoding="utf-8") as file:
            for line in file:
                when, word, *rest = line.rstrip("\n").split(" ")
                self.lines.append((int(when), word, rest))

    def numbers(self, word):
        """(when, number, what follows) of each line with this word."""
        return [(when, int(rest[0]), rest[1:]) for when, name, rest in self.lines if name == word]

    def count(self, word):
        return sum(name == word for _, name, _ in self.lines)

    def downs(self):
        """(when, milliseconds to the next attempt or None, why)"""
        return [
            (when, None if rest[1] == "-" else int(rest[1]), " ".join(rest[2:]))
            for when, word, rest in self.lines if word == "down"
        ]

    def outages(self):
        """(from, to): from the end of one connection, or of the first attempt, to the next that opened."""
        outages, since = [], None
        for when, word, _ in self.lines:
            if word == "down" and since is None:
                since = when
            elif word == "open" and since is not None:
                outages.append((since, when))
                since = None
        return outages

    def connections(self):
        """The numbers that arrived, by connection."""
        connections = [[]]
        for _, word, rest in self.lines:
            if word in ("open", "start"):
                connections.append([])
            elif word == "got":
                connections[-1].append(int(rest[0]))
        return [numbers for numbers in connections if numbers]


class Direction:
    """Messages from `sender` to `receiver`, and everything that is wrong with them."""

    def __init__(self, name, sender, receiver, messages, restarted=False, buffered=False):
        self.failures = []
        self.name, self.sender, self.receiver = name, sender, receiver
        self.got = Counter(number for _, number, _ in receiver.numbers("got"))
        self.announced = Counter(number for _, number, _ in sender.numbers("repeated"))
        self.duplicates = sum(self.got.values()) - len(self.got)
        self.nothing_missing(messages)
        self.nothing_out_of_order()
        self.duplicates_only_where_announced()
        self.one_outcome(messages, restarted)
        # Of one whose events are buffered, the task that answers pings is not the one that writes down.
        if not buffered:
            self.fences_are_true()

    def fail(self, what):
        self.failures.append(f"{self.name}: {what}")

    def nothing_missing(self, messages):
        if wrong := self.receiver.count("wrong"):
            self.fail(f"{wrong} messages arrived that were never sent so")
        wanted = set(range(1, messages + 1))
        if missing := sorted(wanted - set(self.got)):
            self.fail(f"{len(missing)} of {messages} never arrived, the first is {missing[0]}")
        if extra := sorted(set(self.got) - wanted):
            self.fail(f"{len(extra)} arrived that were never to be sent, as {extra[0]}")

    def nothing_out_of_order(self):
        """On each connection one after the other, from one that was to come, or came before."""
        highest = 0
        for numbers in self.receiver.connections():
            if numbers[0] > highest + 1:
                self.fail(f"{numbers[0]} begins a connection, after {highest}")
            for before, after in zip(numbers, numbers[1:]):
                if after != before + 1:
                    self.fail(f"{after} directly after {before}")
            highest = max(highest, numbers[-1])

    def duplicates_only_where_announced(self):
        for number, times in self.got.items():
            if times - 1 > self.announced[number]:
                self.fail(f"{number} arrived {times} times, announced {self.announced[number]} times")

    def one_outcome(self, messages, restarted):
        """Exactly one, `received`; one that was closed before that, and started again, may have lost some."""
        received, other = Counter(), Counter()
        for _, number, outcome in self.sender.numbers("outcome"):
            (received if outcome == ["received"] else other)[number] += 1
        wrong = [number for number in range(1, messages + 1) if received[number] != 1]
        if wrong:
            self.fail(f"{len(wrong)} were not received exactly once, as {wrong[0]}: {received[wrong[0]]} times")
        if other and not restarted:
            self.fail(f"{len(other)} had another outcome than received")

    def fences_are_true(self):
        first = {}
        for when, number, _ in self.receiver.numbers("got"):
            first.setdefault(number, when)
        for when, number, outcome in self.sender.numbers("outcome"):
            if outcome == ["received"] and first.get(number, when + 1) > when:
                self.fail(f"{number} was said to be received before it was")


def one_end_for_each_attempt(journal):
    begun = [number for _, number, _ in journal.numbers("connecting")]
    over = [number for _, number, _ in journal.numbers("down")]
    if begun != over:
        return [f"client: attempts {len(begun)}, ends {len(over)}"]
    return []


def reconnects(journal, faults):
    """How long each outage lasted from when everything that was done to it was over; milliseconds.

    Only of outages with a fault: which may have begun before, and must not go on at their end.
    """
    times = []
    for begun, over in journal.outages():
        ends = [end for start, end in faults if start <= over]
        last = max([begun, *ends])
        if last <= over:
            times.append(over - last)
    return times


def retries_are_in_time(journal, early, late):
    """The next attempt begins when the end of the last one said; milliseconds."""
    failures = []
    attempts = [when for when, _, _ in journal.numbers("connecting")]
    for (when, retry, _), begun in zip(journal.downs(), attempts[1:]):
        if retry is None or not when + retry - early <= begun <= when + retry + late:
            failures.append(f"client: an attempt was to begin after {retry} ms, and did after {begun - when} ms")
    return failures
