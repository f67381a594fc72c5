"""A client's time in any of the forms that clients write: never a reason to refuse a request."""

from datetime import UTC, datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS_MIN: Final = -62_135_596_800.0
"""The beginning of year 1: below it nothing is understood as a time."""

_SECONDS_END: Final = 253_402_300_800.0
"""The end of year 9999: from it on nothing is understood as a time."""

_SECONDS_MAX: Final = 1e11
"""Above it a number is milliseconds."""

_ISO_CHARACTERS_MAX: Final = 64


def seconds_of(value: object) -> float | None:
    """Seconds since the epoch: from a number of seconds, of milliseconds, or an ISO-8601 string (no zone: UTC).

    :returns: None for anything else, and for a time outside of the years 1 to 9999.
    """
    if isinstance(value, str):
        return _seconds_of_text(value)
    if type(value) is not float and type(value) is not int:
        return None
    if _SECONDS_MIN <= value <= _SECONDS_MAX:
        return float(value)
    if _SECONDS_MAX < value < _SECONDS_END * 1000:
        return _of_a_year(value / 1000)
    return None


def _of_a_year(seconds: float) -> float | None:
    """The same, if a calendar has it: a zone or a rounding can bring a time out of the years 1 to 9999."""
    return seconds if _SECONDS_MIN <= seconds < _SECONDS_END else None


def _seconds_of_text(text: str) -> float | None:
    if len(text) > _ISO_CHARACTERS_MAX or not (text.isascii() and text.isprintable()):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _of_a_year((moment - _EPOCH).total_seconds())


def understand(*values: object) -> tuple[float | None, int | float | str | None]:
    """The first of several fields that holds a time.

    :returns: it in seconds since the epoch, and as it came where that was not a float of seconds already; None and
        None where there is none.
    """
    for value in values:
        if value is None:
            continue
        seconds = seconds_of(value)
        if seconds is not None and isinstance(value, int | float | str):
            return seconds, None if isinstance(value, float) and value == seconds else value
    return None, None
