"""The black box of users and channels finds what is wrong, and nothing else."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.linearizability.names import Listing, Registration, Sight, check_names
from bulletin.linearizability.search import linearizable


class NamesTests(SynchronousTestCase):
    def kinds(self, final, registrations=(), listings=(), sights=()):
        found = check_names("users", final, registrations, listings, sights)
        return [anomaly.kind.value for anomaly in found]

    def test_a_good_history_has_none(self):
        registrations = [
            Registration("ana", 0, 1, existing=False),
            Registration("bia", 2, 3, existing=False),
            Registration("ana", 2, 3, existing=True),
            Registration("caio", 2, 5),
            Registration("davi", 2),
        ]
        listings = [
            Listing((), 0, 1),
            Listing(("ana",), 0, 1, more=False),
            Listing(("ana",), 6, 7, more=True),
            Listing(("bia", "caio"), 6, 7, after="ana"),
            Listing((), 6, 7, after="caio"),
            Listing((), 6, 7, after="nobody"),
        ]
        sights = [Sight("ana", 6, 7, there=True), Sight("caio", 0, 1, there=False)]
        self.assertEqual(check_names("users", ["ana", "bia", "caio"], registrations, listings, sights), [])

    def test_lost_write(self):
        self.assertEqual(self.kinds([], [Registration("ana", 0, 1, existing=False)]), ["lost write"])
        self.assertEqual(self.kinds([], [Registration("ana", 0)]), [])
        self.assertEqual(self.kinds([], sights=[Sight("ana", 0, 1, there=True)]), ["lost write"])

    def test_invented_write(self):
        self.assertEqual(self.kinds(["ana"]), ["invented write"])

    def test_duplicate(self):
        twice = [Registration("ana", 0, 1, existing=False)] * 2
        self.assertEqual(self.kinds(["ana"], twice), ["duplicate"])
        self.assertEqual(self.kinds(["ana", "ana"], twice[:1]), ["duplicate"])

    def test_listings_that_no_board_gives(self):
        asked = [Registration("ana", 0), Registration("bia", 0)]
        for listing in (
            Listing(("bia",), 1, 2),
            Listing(("bia", "ana"), 1, 2),
            Listing((), 1, 2, more=True),
            Listing(("ana",), 1, 2, after="nobody"),
        ):
            self.assertEqual(self.kinds(["ana", "bia"], asked, [listing]), ["wrong answer"], listing)

    def test_stale_reads(self):
        made = [Registration("ana", 0, 1, existing=False)]
        self.assertEqual(self.kinds(["ana"], made, [Listing((), 2, 3)]), ["stale read"])
        self.assertEqual(self.kinds(["ana"], made, sights=[Sight("ana", 2, 3, there=False)]), ["stale read"])

    def test_future_reads(self):
        made = [Registration("ana", 2, 3, existing=False)]
        self.assertEqual(self.kinds(["ana"], made, [Listing(("ana",), 0, 1)]), ["future read"])
        self.assertEqual(
            self.kinds(["ana"], [Registration("ana", 2)], [Listing(("ana",), 0, 1)]), ["future read"]
        )
        self.assertEqual(
            self.kinds(["ana", "bia"], [*made, Registration("bia", 0)], [Listing(("ana",), 0, 1, more=True)]),
            ["future read"],
        )

    def test_reads_that_go_back(self):
        listings = [Listing(("ana",), 1, 2), Listing((), 3, 4)]
        self.assertEqual(self.kinds(["ana"], [Registration("ana", 0)], listings), ["nonmonotonic"])

    def test_reordered(self):
        made = [Registration("ana", 2, 3, existing=False), Registration("bia", 0, 1, existing=False)]
        self.assertEqual(self.kinds(["ana", "bia"], made), ["reordered"])


def grow(state, call):
    """A set of names as the search sees it: a tuple, in the order in which they came."""
    if isinstance(call, Registration):
        there = call.name in state
        if call.existing is not None and call.existing is not there:
            return None
        return state if there else (*state, call.name)
    if isinstance(call, Sight):
        return state if call.there is (call.name in state) else None
    start = 0
    if call.after is not None:
        start = state.index(call.after) + 1 if call.after in state else len(state)
    due = state[start:]
    fits = due[: len(call.names)] == call.names and call.more is (len(call.names) < len(due))
    return state if fits else None


class CrossCheckTests(SynchronousTestCase):
    """Random small histories, right and wrong, with a last listing of all: the greedy check is exact."""

    def interval(self, rng):
        start = rng.uniform(0, 6)
        return start, start + rng.uniform(0, 5)

    def history(self, rng):
        final = tuple("abc"[: rng.randint(1, 3)])
        registrations = []
        for name in final:
            registrations.append(Registration(name, *self.interval(rng), existing=False))
            if rng.random() < 0.3:
                registrations.append(Registration(name, *self.interval(rng), existing=True))
            if rng.random() < 0.2:
                registrations.append(Registration(name, self.interval(rng)[0]))
            if rng.random() < 0.2:
                # Whoever made it was not told so.
                registrations[-1 if len(registrations) == 1 else -2] = Registration(name, *self.interval(rng))
        listings = []
        for _ in range(rng.randint(0, 2)):
            after = rng.choice([None, None, *final])
            start = 0 if after is None else final.index(after) + 1
            end = rng.randint(start, len(final))
            more = end > start and rng.random() < 0.3
            listings.append(Listing(final[start:end], *self.interval(rng), after, more))
        sights = [
            Sight(rng.choice(final), *self.interval(rng), rng.random() < 0.5)
            for _ in range(rng.randint(0, 2))
        ]
        return final, registrations, listings, sights

    def test_agreement(self):
        rng = Random(11)
        verdicts = {True: 0, False: 0}
        for _ in range(4000):
            final, registrations, listings, sights = self.history(rng)
            verdict = not check_names("users", final, registrations, listings, sights)
            calls = [*registrations, *listings, *sights, Listing(final, 100, 101)]
            self.assertEqual(verdict, linearizable(calls, (), grow), calls)
            verdicts[verdict] += 1
        self.assertGreater(min(verdicts.values()), 500)
