"""Whether the judge notices what is wrong: journals that are right but for one thing."""

import os
import tempfile

import judge


def sender(*extra, without=()):
    lines = ["1 start", "2 connecting 1", "3 open 1 0"]
    for number in range(1, 5):
        lines.append(f"{10 * number} accepted {number}")
        lines.append(f"{10 * number + 5} outcome {number} received")
    lines += ["60 down 1 100 cut", "160 connecting 2", "165 open 2 0", "180 down 2 - closed", *extra]
    return [line for line in lines if line not in without]


def receiver(*numbers):
    lines = ["1 start", "3 open 1 0"]
    for number in numbers:
        lines.append(number if isinstance(number, str) else f"{10 * number + 2} got {number}")
    return lines


def failures(sent, got):
    with tempfile.TemporaryDirectory() as folder:
        journals = []
        for name, lines in (("sender", sent), ("receiver", got)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))
            journals.append(judge.Journal(path))
    direction = judge.Direction("test", *journals, 4)
    return [*direction.failures, *judge.one_end_for_each_attempt(journals[0]),
            *judge.retries_are_in_time(journals[0], 5, 50)]


def refuses(what, sent, got):
    found = failures(sent, got)
    assert len(found) >= 1 and any(what in failure for failure in found), f"{what}: {found}"


AGAIN = ["47 open 2 0", "48 got 3", "49 got 4"]
assert failures(sender(), receiver(1, 2, 3, 4)) == []
assert failures(sender("50 repeated 3"), receiver(1, 2, 3, *AGAIN)) == ["test: 4 was said to be received before it was"]
assert failures(sender("50 repeated 3", "51 repeated 4"), receiver(1, 2, 3, 4, *AGAIN)) == []
refuses("never arrived", sender(), receiver(1, 2, 3))
refuses("never arrived", sender(), receiver(1, 2, 4))
refuses("4 directly after 2", sender(), receiver(1, 2, 4))
refuses("3 directly after 3", sender("50 repeated 3"), receiver(1, 2, 3, 3, 4))
refuses("begins a connection", sender(), receiver(1, "15 open 2 0", 3, 4, "43 open 3 0", 2))
refuses("never sent so", sender(), receiver(1, 2, "30 wrong 7 bytes", 3, 4))
refuses("never to be sent", sender(), receiver(1, 2, 3, 4, 5))
refuses("announced 0 times", sender("51 repeated 4"), receiver(1, 2, 3, 4, *AGAIN))
refuses("not received exactly once", sender(without=["25 outcome 2 received"]), receiver(1, 2, 3, 4))
refuses("not received exactly once", sender("50 outcome 2 received"), receiver(1, 2, 3, 4))
refuses("another outcome", sender("50 outcome 2 lost: stopped"), receiver(1, 2, 3, 4))
refuses("before it was", sender(), receiver(1, "26 got 2", 3, 4))
refuses("ends 1", sender(without=["60 down 1 100 cut"]), receiver(1, 2, 3, 4))
refuses("was to begin after 100 ms", sender("290 connecting 3", "291 down 3 - closed", without=["160 connecting 2"]),
        receiver(1, 2, 3, 4))
refuses("was to begin after 100 ms", sender("150 connecting 3", "151 down 3 - closed", without=["160 connecting 2"]),
        receiver(1, 2, 3, 4))
