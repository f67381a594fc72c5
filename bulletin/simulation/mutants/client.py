"""Planted bugs in what a client's core does with a request that is not answered."""

from typing import Final

from bulletin.core.client.caller import RESEND, Caller, Finished
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire import replies, requests
from bulletin.core.wire.requests import Publish
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import Violation

_TIMEOUT: Final = 5.0
_STEP: Final = 0.05


class Desk:
    """A caller with two brokers, which say what a script lets them, and a post that it has sent to the first."""

    def __init__(self) -> None:
        self.now = Instant(10.0, 1.7e9)
        self.caller = Caller("00ff", 2, LamportClock())
        self.sent: list[tuple[int, bytes]] = []
        self.finished: list[Finished] = []
        self.caller.call(Publish("ana", "geral", "text"), _TIMEOUT, self.now)
        self._turn()

    def _turn(self) -> None:
        while ready := self.caller.ready():
            self.sent.extend((send.broker, send.body) for send in ready.sends)
            self.finished.extend(ready.finished)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds / _STEP)):
            self.now = Instant(self.now.monotonic + _STEP, self.now.wall + _STEP)
            self.caller.tick(self.now)
            self._turn()

    def refuse(self, code: Code) -> None:
        """The broker that was sent something last refuses it."""
        broker, body = self.sent[-1]
        self.caller.receive(
            broker, replies.refuse(requests.read(body).heading, Refusal(code), 7, 1.7e9), self.now
        )
        self._turn()


def sent_again() -> None:
    """A broker is silent: the request goes to another one, and is the same one.

    :raises Violation: it has another id.
    """
    desk = Desk()
    desk.wait(1.5 * RESEND)
    ids = {requests.read(body).heading.id for _, body in desk.sent}
    if len(ids) != 1:
        raise Violation("S7", f"one request was sent under the ids {sorted(map(str, ids))}")


def refused_by_one_of_two() -> None:
    """One broker is silent, the other one refuses, for now, until the time is up: the first may have done it.

    :raises Violation: it is said that it was not done.
    """
    desk = Desk()
    for _ in range(round(2 * _TIMEOUT)):
        desk.wait(0.5)
        if desk.finished:
            break
        if desk.sent[-1][0] == 1:
            desk.refuse(Code.NO_SERVERS)
    outcome = desk.finished[0].outcome
    if isinstance(outcome, Refusal) and outcome.definite:
        raise Violation("S9", "a request that somebody may have carried out is said not to have been")


MUTANTS: Final = (
    Mutant(
        "B12",
        "a client repeats a request under another id",
        (
            Patch(
                Caller,
                "_send",
                "    self._sends.append(ToBroker(call.broker, call.body))\n",
                "    if call.sendings:\n"
                "        old, call.id = call.id, ('e' if call.id[0] != 'e' else 'd') + call.id[1:]\n"
                "        call.body = call.body.replace(old.encode(), call.id.encode())\n"
                "        self._calls[call.id] = self._calls.pop(old)\n"
                "        self._ids[call.number] = call.id\n"
                "    self._sends.append(ToBroker(call.broker, call.body))\n",
            ),
        ),
        "S7|S9|S14",
        sent_again,
        Chance(board_tier({"kill_broker": 0.3, "loss": 0.3, "pause_broker": 0.4})),
    ),
    Mutant(
        "B13",
        "a client says of a request that may yet take effect that it does not",
        (
            Patch(
                Caller,
                "_give_up",
                "definite = refusal.definite and not call.in_doubt and not call.unanswered",
                "definite = refusal.definite",
            ),
        ),
        "S7|S9",
        refused_by_one_of_two,
        why="one broker has to see no server while another one handed the request to one, and died",
    ),
)
