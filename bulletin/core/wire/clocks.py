"""What the reference and the servers say to each other to hold their clocks together; the envelope is ``reference``'s.

::

    server                        reference
      │ rodada ─────────────────────► │   please hold a round, I have exchanged messages (answered by ``status``)
      │ ◄───────────── sonda (probe)  │   ┐ several times, one after the other
      │ sonda (hora, …) ────────────► │   ┘
      │ ◄──────── ajuste (adjustment) │   so far is the board's time from what you showed then

    anybody ── clocks ──► reference   how all of them stand
"""

from collections.abc import Callable
from typing import Any, Final

import attrs

from bulletin.core.clocks.berkeley import Standing
from bulletin.core.clocks.corrected import SECONDS_MAX, State
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import MEMBERS_MAX, NAME_BYTES_MAX, RANK_MAX
from bulletin.core.wire.reference_fields import integer, present, real, required, text

ROUND_MAX: Final = 2**53
"""The largest number of a round."""

PROBES_MAX: Final = 64
"""The largest number of a probe in its round."""

CLOCKS_MAX: Final = 2 * MEMBERS_MAX + 1
"""Clocks in a list at most: the reference's, the members', and as many that are none."""

PPM_MAX: Final = 1e6


@attrs.frozen
class Probe:
    """``sonda``, from the reference: it asks what a clock shows.

    :param round: the round's number, which no other round of this or an earlier start of the reference has (``rodada``).
    :param number: the probe's, from 1 in each round (``sonda``).
    """

    round: int
    number: int


@attrs.frozen
class ProbeAnswer:
    """``sonda``, from a server.

    :param user: its name.
    :param round: as in the probe.
    :param number: as in the probe.
    :param time: what its corrected clock shows, seconds since the epoch (``hora``).
    :param bound: how far off that may be by its own account, or None: it was never synchronised (``incerteza``).
    :param left: what it has left to slew, in seconds (``resta``).
    :param ppm: the rate that it has learnt, in millionths (``taxa``).
    :param state: how it stands (``estado``).
    """

    user: str
    round: int
    number: int
    time: float
    bound: float | None
    left: float
    ppm: float
    state: State


@attrs.frozen
class Adjustment:
    """``ajuste``: a difference, never a time.

    It names the answer that it is relative to, so it means the same whenever it arrives, and however often.

    :param round: the round's number.
    :param number: of the probe whose answer was used.
    :param difference: the board's time when that answer was given, less what it said (``ajuste``).
    :param error: how far off that may be, in seconds (``incerteza``).
    :param source: a number that changes when the reference's clock has jumped or was started anew (``fonte``).
    """

    round: int
    number: int
    difference: float
    error: float
    source: int


@attrs.frozen
class RoundRequest:
    """``rodada``: a server would like a round soon."""

    user: str


@attrs.frozen
class RoundReply:
    """``known`` False (``status: "unknown"``): nobody of that name sends heartbeats by this connection."""

    known: bool


@attrs.frozen
class ClocksRequest:
    """``clocks``: how all clocks stand; anybody may ask."""


@attrs.frozen
class ClockRow:
    """One clock, as its latest round left it.

    :param name: whose.
    :param rank: the server's; 0: this is the reference's own clock.
    :param offset: how far it was ahead of the board's time, or None: it was never measured.
    :param error: how far off ``offset`` may be, or None.
    :param bound: the error bound that the server itself claims (``incerteza``), or None: it was never synchronised.
    :param left: what it had left to slew (``resta``).
    :param ppm: the rate that it has learnt (``taxa``).
    :param trip: the shortest round trip (``ida_e_volta``), or None.
    :param age: seconds since it was measured (``idade``), or None.
    :param state: how it stands by its own account (``estado``).
    :param standing: what became of it in the latest round (``rodada``), or None: there was none with it.
    """

    name: str
    rank: int
    offset: float | None = None
    error: float | None = None
    bound: float | None = None
    left: float = 0.0
    ppm: float = 0.0
    trip: float | None = None
    age: float | None = None
    state: State = State.NEVER
    standing: Standing | None = None


@attrs.frozen
class ClocksReply:
    """All clocks, the reference's first, then by rank.

    :param time: the board's time, seconds since the epoch.
    :param rounds: held since the reference started (``rodadas``).
    """

    time: float
    rounds: int
    clocks: tuple[ClockRow, ...]


ENCODERS: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    Probe: lambda body: {"rodada": body.round, "sonda": body.number},
    ProbeAnswer: lambda body: present(
        user=body.user,
        rodada=body.round,
        sonda=body.number,
        hora=body.time,
        incerteza=body.bound,
        resta=body.left,
        taxa=body.ppm,
        estado=body.state.value,
    ),
    Adjustment: lambda body: {
        "rodada": body.round,
        "sonda": body.number,
        "ajuste": body.difference,
        "incerteza": body.error,
        "fonte": body.source,
    },
    RoundRequest: lambda body: {"user": body.user},
    RoundReply: lambda body: {"status": "OK" if body.known else "unknown"},
    ClocksRequest: lambda _: {},
    ClocksReply: lambda body: {
        "status": "sucesso",
        "time": body.time,
        "rodadas": body.rounds,
        "clocks": [fields_of_row(row) for row in body.clocks],
    },
}
"""Bodies to fields."""

NAMES: Final[dict[type, str]] = {
    Probe: "sonda",
    ProbeAnswer: "sonda",
    Adjustment: "ajuste",
    RoundRequest: "rodada",
    RoundReply: "rodada",
    ClocksRequest: "clocks",
    ClocksReply: "clocks",
}


def fields_of_row(row: ClockRow) -> dict[str, Any]:
    """One clock by the wire's names."""
    return {
        "name": row.name,
        "rank": row.rank,
        "offset": row.offset,
        "margem": row.error,
        "incerteza": row.bound,
        "resta": row.left,
        "taxa": row.ppm,
        "ida_e_volta": row.trip,
        "idade": row.age,
        "estado": row.state.value,
        "rodada": None if row.standing is None else row.standing.value,
    }


# Fields to bodies.


def _number(inner: dict[str, Any], name: str, low: int, high: int) -> int:
    number: int = required(integer(inner, name, low, high), name)
    return number


def _seconds(inner: dict[str, Any], name: str, low: float = -SECONDS_MAX) -> float:
    seconds: float = required(real(inner, name, low, SECONDS_MAX), name)
    return seconds


def _ppm(inner: dict[str, Any]) -> float:
    return real(inner, "taxa", -PPM_MAX, PPM_MAX) or 0.0


def _state(inner: dict[str, Any]) -> State:
    try:
        return State(inner.get("estado"))
    except ValueError:
        raise Refusal(Code.INVALID_FIELD, field="estado", reason=Reason.UNKNOWN_VALUE) from None


def _standing(inner: dict[str, Any]) -> Standing | None:
    value = inner.get("rodada")
    try:
        return None if value is None else Standing(value)
    except ValueError:
        raise Refusal(Code.INVALID_FIELD, field="rodada", reason=Reason.UNKNOWN_VALUE) from None


def _read_answer(inner: dict[str, Any]) -> ProbeAnswer:
    return ProbeAnswer(
        user=text(inner, "user", NAME_BYTES_MAX, required=True),
        round=_number(inner, "rodada", 0, ROUND_MAX),
        number=_number(inner, "sonda", 1, PROBES_MAX),
        time=_seconds(inner, "hora"),
        bound=real(inner, "incerteza", 0.0, SECONDS_MAX),
        left=real(inner, "resta", -SECONDS_MAX, SECONDS_MAX) or 0.0,
        ppm=_ppm(inner),
        state=_state(inner),
    )


def _read_probe(inner: dict[str, Any]) -> Probe:
    return Probe(_number(inner, "rodada", 0, ROUND_MAX), _number(inner, "sonda", 1, PROBES_MAX))


def _read_adjustment(inner: dict[str, Any]) -> Adjustment:
    return Adjustment(
        round=_number(inner, "rodada", 0, ROUND_MAX),
        number=_number(inner, "sonda", 1, PROBES_MAX),
        difference=_seconds(inner, "ajuste"),
        error=_seconds(inner, "incerteza", 0.0),
        source=_number(inner, "fonte", 0, ROUND_MAX),
    )


def _read_round_reply(inner: dict[str, Any]) -> RoundReply:
    status = inner.get("status")
    if status not in ("OK", "unknown"):
        raise Refusal(Code.INVALID_FIELD, field="status", reason=Reason.UNKNOWN_VALUE)
    return RoundReply(status == "OK")


def _read_row(row: dict[str, Any]) -> ClockRow:
    return ClockRow(
        name=text(row, "name", NAME_BYTES_MAX, required=True),
        rank=_number(row, "rank", 0, RANK_MAX),
        offset=real(row, "offset", -SECONDS_MAX, SECONDS_MAX),
        error=real(row, "margem", 0.0, SECONDS_MAX),
        bound=real(row, "incerteza", 0.0, SECONDS_MAX),
        left=real(row, "resta", -SECONDS_MAX, SECONDS_MAX) or 0.0,
        ppm=_ppm(row),
        trip=real(row, "ida_e_volta", 0.0, SECONDS_MAX),
        age=real(row, "idade", 0.0, SECONDS_MAX),
        state=_state(row),
        standing=_standing(row),
    )


def _read_clocks_reply(inner: dict[str, Any]) -> ClocksReply:
    rows = inner.get("clocks")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(Code.INVALID_FIELD, field="clocks", reason=Reason.WRONG_TYPE)
    if len(rows) > CLOCKS_MAX:
        raise Refusal(Code.INVALID_FIELD, field="clocks", reason=Reason.TOO_MANY_ITEMS)
    return ClocksReply(
        time=_seconds(inner, "time"),
        rounds=_number(inner, "rodadas", 0, ROUND_MAX),
        clocks=tuple(_read_row(row) for row in rows),
    )


def _read_round_request(inner: dict[str, Any]) -> RoundRequest:
    return RoundRequest(text(inner, "user", NAME_BYTES_MAX, required=True))


ClockRequestBody = ProbeAnswer | RoundRequest | ClocksRequest
ClockReplyBody = Probe | Adjustment | RoundReply | ClocksReply

REQUESTS: Final[dict[str, Callable[[dict[str, Any]], ClockRequestBody]]] = {
    "sonda": _read_answer,
    "rodada": _read_round_request,
    "clocks": lambda _: ClocksRequest(),
}
"""What comes to the reference, by name."""

REPLIES: Final[dict[str, Callable[[dict[str, Any]], ClockReplyBody]]] = {
    "sonda": _read_probe,
    "ajuste": _read_adjustment,
    "rodada": _read_round_reply,
    "clocks": _read_clocks_reply,
}
"""What comes from it, by name."""
