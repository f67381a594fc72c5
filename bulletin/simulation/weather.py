"""The faults of a network, on all tiers: links that are cut, and messages that are lost, doubled, late."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Generic, Protocol

import attrs

from bulletin.simulation.network import Name, Network
from bulletin.simulation.strikes import Strikes, Struck


class Networked(Struck, Protocol[Name]):
    """A world with a network."""

    @property
    def network(self) -> Network[Name, Any]:
        """What is between its processes."""


class BadWeather(Strikes, ABC, Generic[Name]):
    """The faults of one run; further ones are a tier's own."""

    slow_delays: ClassVar[tuple[float, ...]]
    """Seconds that a message takes at most on a slow network, one of them drawn."""

    _world: Networked[Name]

    @abstractmethod
    def _everybody(self) -> list[Name]:
        """Whoever is on the network, each once."""

    def _names(self) -> list[Name]:
        """Of these one is drawn; who is among them twice, twice as often."""
        return self._everybody()

    def _anybody(self) -> Name:
        return self._rng.choice(self._names())

    def _others(self, name: Name) -> list[Name]:
        return [other for other in self._everybody() if other != name]

    # --- links ---

    def _cut_links(self, links: Iterable[tuple[Name, Name]]) -> None:
        network, cut = self._world.network, frozenset(links)
        network.cut.update(cut)
        self._ending(lambda: network.cut.difference_update(cut))

    def _split(self) -> None:
        names = self._everybody()
        self._rng.shuffle(names)
        size = self._rng.randint(0, len(names))
        self._cut_links(both_ways(names[:size], names[size:]))

    def _isolate(self) -> None:
        victim = self._anybody()
        self._cut_links(both_ways([victim], self._others(victim)))

    def _one_way(self) -> None:
        self._cut_links([(self._anybody(), self._anybody())])

    # --- messages ---

    def _weather(self, **changes: float) -> None:
        network = self._world.network
        network.weather = attrs.evolve(network.weather, **changes)
        self._ending(network.clear_up)

    def _loss(self) -> None:
        self._weather(loss=self._rng.choice((0.02, 0.2, 0.5)))

    def _duplication(self) -> None:
        self._weather(duplication=self._rng.choice((0.05, 0.5)))

    def _straggling(self) -> None:
        self._weather(
            straggling=self._rng.choice((0.05, 0.3)), straggling_delay_max=self._rng.choice((0.1, 2.0))
        )

    def _slow_network(self) -> None:
        self._weather(delay_min=0.0, delay_max=self._rng.choice(self.slow_delays))


def both_ways(some: Collection[Name], others: Collection[Name]) -> list[tuple[Name, Name]]:
    """The links between these and those, in both directions."""
    return [link for one in some for other in others for link in ((one, other), (other, one))]
