"""Black box: users or channels, a set that only grows, with a listing in the order of growth.

Nothing is ever removed, so a name has one birth, and its place in the final listing says which one.  A listing shows
the names up to some birth; an answer that needs a name comes after it, one that misses it before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from bulletin.linearizability.anomaly import Anomaly, Kind, worst_first
from bulletin.linearizability.real_time import NEVER, Effect, out_of_time


@attrs.frozen
class Registration:
    """A login, a channel's creation, or what else brings a name into being where it is not there.

    :param name: the user's or the channel's.
    :param invoked: monotonic seconds when it was sent first.
    :param returned: when its answer came; infinity where none did.
    :param existing: what it was told about the name: whether it was there before.  None: nothing (no answer came; or it
        was a post, which registers its sender and does not say so).
    """

    name: str
    invoked: float
    returned: float = NEVER
    existing: bool | None = None


@attrs.frozen
class Sight:
    """An answer that shows whether a name was there, such as a page, or the refusal ``canal_inexistente``."""

    name: str
    invoked: float
    returned: float
    there: bool


@attrs.frozen
class Listing:
    """A linearizable listing that was answered.

    :param names: as listed.
    :param after: the name after which it began, or None.
    :param more: whether it said that it goes on.
    """

    names: tuple[str, ...]
    invoked: float
    returned: float
    after: str | None = None
    more: bool = False


def check_names(
    kind: str,
    final: Sequence[str],
    registrations: Iterable[Registration],
    listings: Iterable[Listing] = (),
    sights: Iterable[Sight] = (),
) -> list[Anomaly]:
    """Every broken promise about the names of one kind.

    :param kind: what they are (``users``, ``channels``), for a person.
    :param final: the complete listing, read when all was quiet.
    :param registrations: all that may have brought a name into being, but for what was refused for good.
    :param listings: those that were answered.
    :param sights: what other answers show.
    """
    found: list[Anomaly] = []
    place: dict[str, int] = {}
    for number, name in enumerate(final, 1):
        if name in place:
            found.append(Anomaly(Kind.DUPLICATE, kind, f"{name} is listed twice"))
        place.setdefault(name, number)
    effects: list[Effect] = []
    found += _births(kind, place, registrations, effects)
    for sight in sights:
        number = place.get(sight.name, 0)
        if sight.there and not number:
            found.append(Anomaly(Kind.LOST_WRITE, kind, f"an answer had {sight.name}, which is not there"))
        elif sight.there:
            effects.append(Effect(f"an answer with {sight.name}", sight.invoked, sight.returned, number))
        elif number:
            what = f"an answer without {sight.name}"
            effects.append(Effect(what, sight.invoked, sight.returned, None, number))
    for listing in listings:
        found += _listing(kind, final, place, listing, effects)
    return worst_first(found + out_of_time(kind, effects))


def _births(
    kind: str, place: dict[str, int], registrations: Iterable[Registration], effects: list[Effect]
) -> list[Anomaly]:
    """Each name came into being by a call that could bring it about; what was acknowledged is there."""
    calls: defaultdict[str, list[Registration]] = defaultdict(list)
    for call in registrations:
        calls[call.name].append(call)
    found = [
        Anomaly(Kind.LOST_WRITE, kind, f"{name} was acknowledged, and is not there")
        for name in sorted({*calls} - {*place})
        if any(call.returned < NEVER for call in calls[name])
    ]
    for name, number in place.items():
        if all(call.existing for call in calls[name]):
            found.append(Anomaly(Kind.INVENTED_WRITE, kind, f"{name} is there, and nobody brought it about"))
            continue
        what = f"the registration of {name}"
        makers = [call for call in calls[name] if call.existing is False]
        if len(makers) > 1:
            found.append(Anomaly(Kind.DUPLICATE, kind, f"{len(makers)} were told that {name} was not there"))
        effects += [
            Effect(what, call.invoked, call.returned, number, writes=call.existing is False)
            for call in calls[name]
        ]
        if not makers:
            # Whoever brought it into being, it was not before the first who could have.
            first = min(call.invoked for call in calls[name] if not call.existing)
            effects.append(Effect(what, first, NEVER, number, writes=True))
    return found


def _listing(
    kind: str, final: Sequence[str], place: dict[str, int], listing: Listing, effects: list[Effect]
) -> list[Anomaly]:
    """A listing is a stretch of the final one, and ends at the name that was then the last, or says that it does not."""
    what = "a listing" if listing.after is None else f"a listing after {listing.after}"
    start = 0 if listing.after is None else place.get(listing.after)
    if start is None:
        # After a name that never was there, there is nothing; the listing shows nothing else.
        wrong = bool(listing.names) or listing.more
        return [Anomaly(Kind.WRONG_ANSWER, kind, f"{what}, which is none, has names")] if wrong else []
    shown = len(listing.names)
    if tuple(final[start : start + shown]) != listing.names:
        return [
            Anomaly(Kind.WRONG_ANSWER, kind, f"{what} is none of the order in which they came into being")
        ]
    end = start + shown
    if listing.more and (not shown or end == len(final)):
        return [Anomaly(Kind.WRONG_ANSWER, kind, f"{what} says that it goes on, with nothing shown or left")]
    if shown or listing.after is None:
        after, before = (end + 1, None) if listing.more else (end, end + 1)
        effects.append(Effect(f"{what} of {end}", listing.invoked, listing.returned, after, before))
    else:
        # Nothing, either because nothing followed yet, or because the name itself was not there.
        effects.append(Effect(f"{what} of none", listing.invoked, listing.returned, None, end + 1))
    return []
