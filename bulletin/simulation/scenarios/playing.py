"""Reads a scenario, and plays it: the same text again, with what its commands print now."""

import attrs

from bulletin.simulation.scenarios.script import Script
from bulletin.simulation.scenarios.texts import text
from bulletin.simulation.violation import Violation

SCENARIO = "scenario"
"""The name under which a scenario says that something else happens than what it has."""


@attrs.frozen
class Part:
    """A part of a scenario.

    :param comments: lines before the command.
    :param command: empty where there are only comments.
    :param lines: below the command.
    """

    comments: tuple[str, ...]
    command: str
    lines: tuple[str, ...]


def parse(scenario: str) -> list[Part]:
    """Its parts, without what it expects."""
    parts = []
    for block in scenario.strip().split("\n\n"):
        lines = block.split("\n")
        comments = tuple(line for line in lines if line.startswith("#"))
        rest = [line for line in lines if not line.startswith("#")]
        if not rest:
            parts.append(Part(comments, "", ()))
            continue
        end = rest.index("----") if "----" in rest else len(rest)
        parts.append(Part(comments, rest[0], tuple(rest[1:end])))
    return parts


def play(scenario: str) -> str:
    """The scenario with the output that its commands have now.

    :raises AssertionError: an invariant is broken on the way.
    """
    script = Script()
    blocks = []
    for part in parse(scenario):
        block = list(part.comments)
        if part.command:
            block += [part.command, *part.lines, "----", script.run(part.command, list(part.lines))]
        blocks.append("\n".join(block))
    return "\n\n".join(blocks) + "\n"


def check(name: str) -> None:
    """Play one of the scenarios.

    :raises Violation: something else happens than it says, or an invariant is broken.
    """
    expected = text(name)
    try:
        played = play(expected)
    except Violation:
        raise
    except AssertionError as error:
        raise Violation.of(error) from error
    if played != expected:
        before, now = next(
            (before, now)
            for before, now in zip([*expected.split("\n"), ""], [*played.split("\n"), ""], strict=False)
            if before != now
        )
        raise Violation(SCENARIO, f"{name}: {now!r} in place of {before!r}")
