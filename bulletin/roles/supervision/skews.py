"""Clocks that are wrong on purpose: which of a board's servers, and by how much."""

from collections.abc import Mapping
from typing import Final

from bulletin.roles.options import CLOCK_DRIFT, CLOCK_OFFSET, Kind, Mistake, shown
from bulletin.roles.supervision.layout import SERVERS_MAX


def _each_server(kind: Kind) -> Kind:
    """A value for each of some servers, such as ``2=5,3=-3``: a mapping from the servers' numbers."""

    def parse(text: str) -> dict[int, object]:
        values: dict[int, object] = {}
        for part in text.split(","):
            number, sign, value = part.partition("=")
            if not sign or not number.isdecimal() or not 1 <= int(number) <= SERVERS_MAX:
                raise Mistake(f"{shown(part)} is no server's number with a value, such as 2=5")
            if int(number) in values:
                raise Mistake(f"server {int(number)} has two values")
            values[int(number)] = kind.parse(value)
        return values

    return Kind(parse)


CLOCK_OFFSETS: Final = _each_server(CLOCK_OFFSET)
CLOCK_DRIFTS: Final = _each_server(CLOCK_DRIFT)


def check(values: Mapping[int, float], servers: int) -> None:
    """See that there are such servers.

    :raises Mistake: there is none of that number.
    """
    for number in values:
        if number > servers:
            raise Mistake(f"there is no server {number}: this board has {servers}")


def options(number: int, offsets: Mapping[int, float], drifts: Mapping[int, float]) -> tuple[str, ...]:
    """What makes one server's clock wrong, as options of ``bulletin-server``; nothing where it is right."""
    given = (("--clock-offset", offsets.get(number)), ("--clock-drift", drifts.get(number)))
    return tuple(text for name, value in given if value is not None for text in (name, repr(value)))
