"""Planted bugs in the board's state machine: what one operation does, and what is remembered of it."""

from typing import Final

import attrs

from bulletin.core.board import board, chain, sessions
from bulletin.core.board.board import Board
from bulletin.core.board.chain import chain_start, verify
from bulletin.core.board.commands import Stamp
from bulletin.core.board.outcome import StreamKind
from bulletin.core.board.remembered import Remembered
from bulletin.core.store import intake
from bulletin.simulation.mutants.chance import board_tier
from bulletin.simulation.mutants.desk import Desk, create, publish
from bulletin.simulation.mutants.mutant import Chance, Mutant, Patch
from bulletin.simulation.violation import Violation


def stamps_fall() -> None:
    """Two posts are admitted by servers whose clocks are far apart, the one that is ahead first.

    :raises Violation: the board's clock or time falls with theirs.
    """
    desk = Desk()
    desk.do(create())
    posts = [
        desk.post(publish(f"p{clock}", stamp=Stamp(clock, time, 0.5)))
        for clock, time in ((100, 2000.0), (1, 1000.0))
    ]
    first, second = posts
    assert first is not None
    assert second is not None
    if second.clock <= first.clock:
        raise Violation("S8", f"the clock fell from {first.clock} to {second.clock}")
    if second.received < first.received:
        raise Violation("S8", f"the time fell from {first.received} to {second.received}")


def one_id_of_two_users() -> None:
    """Two users happen to choose one id: both requests take effect.

    :raises Violation: the second is taken for a repetition.
    """
    desk = Desk()
    desk.do(create())
    for user in ("ana", "bia"):
        if desk.post(publish("1", user)) is None:
            raise Violation("S7", f"the request of {user} took no effect: another one's id was the same")


def repeated_after_others() -> None:
    """A request is repeated while it must still be remembered.

    :raises Violation: it takes effect a second time.
    """
    desk = Desk(window=16)
    desk.do(create())
    command = publish("a")
    desk.do(command)
    desk.do(*(publish(f"b{number}") for number in range(12)))
    if not desk.do(command)[0].duplicate:
        raise Violation("S7", "a request took effect a second time, within the window")


def text_is_changed() -> None:
    """Somebody changes a text in the tables: the chain shows it.

    :raises Violation: it does not.
    """
    desk = Desk()
    desk.do(create())
    post = desk.post(publish("a", message="paid"))
    assert post is not None
    changed = attrs.evolve(post, message="not paid")
    if verify(chain_start(StreamKind.CHANNEL, "geral"), [changed]) is None:
        raise Violation("S5", "a text was changed, and its chain of hashes is whole")


MUTANTS: Final = (
    Mutant(
        "26",
        "a post takes the clock of the server that admitted it, however low",
        (Patch(Board, "_run", "max(self._clock + 1, command.stamp.clock)", "command.stamp.clock"),),
        "S8",
        stamps_fall,
        Chance(board_tier(), quick=True),
    ),
    Mutant(
        "26b",
        "a post takes the time of the server that admitted it, however early",
        (Patch(Board, "_post", "max(stream.received, stamp.time)", "stamp.time"),),
        "S8",
        stamps_fall,
        Chance(board_tier({"wall_jump": 0.5, "kill_reference": 0.5, "kill": 0.5})),
    ),
    Mutant(
        "B1",
        "ids are told apart over the whole board, not within a user",
        (
            *(
                Patch(
                    module,
                    "operation_key",
                    "(operation.scope, operation.user, operation.id)",
                    "(operation.scope, operation.id)",
                )
                for module in (board, sessions)
            ),
        ),
        "S7",
        one_id_of_two_users,
        why="clients' sessions are random: no two of the simulation choose one id",
    ),
    Mutant(
        "B2",
        "a request is forgotten long before the window is full",
        (
            Patch(
                Remembered,
                "add",
                "if len(self._index) == self._window:",
                "if len(self._index) == min(self._window, 8):",
            ),
        ),
        "S5|S7|crash",
        repeated_after_others,
        Chance(board_tier({"kill": 0.4, "loss": 0.5, "kill_broker": 0.5})),
    ),
    Mutant(
        "B3",
        "the text is left out of the chain of hashes",
        (
            *(
                Patch(
                    module,
                    "chain_post",
                    "hashlib.sha256(previous + heading + text)",
                    "hashlib.sha256(previous + heading)",
                )
                for module in (board, chain, intake)
            ),
        ),
        "S5",
        text_is_changed,
        why="nobody in the simulation changes a text: the chain is there for whoever does",
    ),
)
