"""What is asked of TLC: all states of a small cluster, the specification with an error planted, and a run of the code."""

from collections.abc import Sequence

import attrs

from tests.model.recorder import NOBODY, Step
from tests.model.tlc import HERE, Verdict, run

INVARIANTS = (
    "OneLeaderPerTerm",
    "LogMatching",
    "LeaderCompleteness",
    "CommittedIsDurable",
    "CommitIsTrue",
    "NoRivalCouldWin",
)


@attrs.frozen
class Bounds:
    """How small the cluster of three servers is.

    :param terms: terms, at most.
    :param entries: entries in a log, at most.
    :param late: whether the disk may be a write behind.
    :param rivals: whether only two of the servers campaign, in turns, and nobody crashes.
    """

    terms: int
    entries: int
    late: bool = False
    rivals: bool = False

    def __str__(self) -> str:
        late = ", writes under way" if self.late else ""
        rivals = ", two rivals, no crashes" if self.rivals else ""
        return f"3 servers, {self.terms} terms, {self.entries} entries{late}{rivals}"


SHORT = Bounds(2, 1)
"""For the tests."""

LARGE = (Bounds(2, 1, late=True), Bounds(2, 2))
"""For the command: minutes."""


def explore(bounds: Bounds, changes: dict[str, str] | None = None, timeout: float = 600.0) -> Verdict:
    """Look at all states of three servers, or at as many as it takes to find one that must not be."""
    first, second = ("s1", "s3") if bounds.rivals else ("Nobody", "Nobody")
    configuration = "\n".join(
        (
            "SPECIFICATION BoundedSpec",
            "CONSTANTS Server = {s1, s2, s3} Nobody = Nobody",
            f"CONSTANTS TermMax = {bounds.terms} LogMax = {bounds.entries} Late = {str(bounds.late).upper()}",
            f"CONSTANTS First = {first} Second = {second} Crashes = {str(not bounds.rivals).upper()}",
            "" if bounds.rivals else "SYMMETRY Alike",
            f"INVARIANTS {' '.join(INVARIANTS)}",
            "PROPERTY DiskKeepsItsWord",
        )
    )
    return run("Bounded", configuration, changes, timeout)


def follow(servers: Sequence[str], steps: Sequence[Step], timeout: float = 600.0) -> int:
    """How many steps of a run the specification can follow: all of them, if the run is a behaviour of it."""
    literal = ",\n".join(step.literal() for step in steps)
    recorded = f"---- MODULE Recorded ----\nSteps == <<\n{literal}\n>>\n====\n"
    names = ", ".join(f'"{name}"' for name in servers)
    configuration = f'SPECIFICATION TraceSpec\nCONSTANTS Server = {{{names}}} Nobody = "{NOBODY}"\n'
    return run("Trace", configuration, {"Recorded": recorded}, timeout).depth - 1


@attrs.frozen
class Mistake:
    """An error planted in the specification.

    :param name: what is wrong.
    :param words: what is replaced, once in the module; by what: ``wrong``.
    :param broken: what must be found not to hold: any of these.
    :param bounds: how large the cluster must be.
    """

    name: str
    words: str
    wrong: str
    broken: tuple[str, ...]
    bounds: Bounds

    def planted(self) -> dict[str, str]:
        """The module with the error in it."""
        text = (HERE / "ReplicatedLog.tla").read_text()
        assert text.count(self.words) == 1, (
            f"{self.name}: the words are not in the specification, or not once"
        )
        return {"ReplicatedLog": text.replace(self.words, self.wrong)}


MISTAKES = (
    Mistake(
        "an entry of an earlier term is committed by counting",
        "/\\ log[s][i].term = t\n",
        "/\\ TRUE\n",
        ("NoRivalCouldWin", "LeaderCompleteness"),
        Bounds(3, 2, rivals=True),
    ),
    Mistake(
        "a vote is not kept over a restart",
        "vote' = [vote EXCEPT ![s] = disk[s].vote]",
        "vote' = [vote EXCEPT ![s] = Nobody]",
        ("OneLeaderPerTerm", "DiskKeepsItsWord"),
        Bounds(1, 1),
    ),
    Mistake(
        "what is not synced is acknowledged",
        "Sayable(s) == Synced(s)",
        "Sayable(s) == Len(log[s])",
        ("CommittedIsDurable", "LeaderCompleteness"),
        Bounds(1, 1),
    ),
    Mistake(
        "a vote is given whatever the candidate's log is",
        "           \\/ ask.lastTerm = LastTerm(log[s]) /\\ ask.last >= Len(log[s])\n",
        "           \\/ TRUE\n",
        ("NoRivalCouldWin", "LeaderCompleteness"),
        Bounds(2, 2, rivals=True),
    ),
)
