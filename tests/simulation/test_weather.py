"""Strikes and their ends, by the faults that all networks have."""

from collections import Counter
from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.network import Network, Weather
from bulletin.simulation.time import SimulatedTime
from bulletin.simulation.weather import BadWeather, both_ways


@attrs.frozen
class Options:
    skip: frozenset[int] = frozenset()


class World:
    """Three processes that nothing but the weather happens to."""

    names = ("a", "b", "c")

    def __init__(self, skip=()) -> None:
        self.options = Options(frozenset(skip))
        self.time = SimulatedTime()
        self.steps = []
        self.counts = Counter()
        self.network = Network(self.time, Random(1), [].append)

    def step(self, who, what) -> None:
        self.steps.append((who, what))

    def note(self, what) -> None:
        self.counts[what] += 1


class Faults(BadWeather):
    slow_delays = (3.0,)

    def __init__(self, world, seed=1) -> None:
        super().__init__(world, Random(seed), lambda number: Random(f"{seed} {number}"))

    def _everybody(self):
        return list(self._world.names)

    def begin(self, kind, mean=1.0) -> None:
        self._schedule(kind, mean)


class FaultTests(SynchronousTestCase):
    def test_both_ways(self) -> None:
        self.assertEqual(both_ways("a", "bc"), [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")])

    def test_each_kind_strikes_and_ends(self) -> None:
        """Something is wrong with the network after a strike, and nothing is when it has ended."""
        for kind in ("split", "isolate", "one_way", "loss", "duplication", "straggling", "slow_network"):
            world = World()
            Faults(world).begin(kind, mean=10.0)
            states = set()
            for tenths in range(1200):
                world.time.run_until(tenths / 10)
                states.add(bool(world.network.cut) or world.network.weather != Weather())
            self.assertEqual(states, {False, True}, kind)
            self.assertGreater(world.counts[kind], 0)

    def test_a_strike_left_out_changes_no_other(self) -> None:
        told = []
        for skip in ((), (2,)):
            world = World(skip)
            faults = Faults(world)
            faults.begin("split")
            world.time.run_until(10.0)
            self.assertGreater(faults.strikes, 2)
            self.assertEqual(world.counts["split"], faults.strikes - len(skip))
            told.append([step for step in world.steps if step[0] != "strike 2"])
        self.assertEqual(*told)

    def test_stopped(self) -> None:
        """Nothing strikes any more, and what was broken stays so for others to mend."""
        world = World()
        faults = Faults(world)
        faults.begin("isolate")
        while not world.network.cut:
            world.time.step()
        faults.stop()
        strikes, cut = faults.strikes, set(world.network.cut)
        world.time.run_until(100.0)
        self.assertEqual((faults.strikes, world.network.cut), (strikes, cut))
