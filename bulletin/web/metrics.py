"""``/metrics``: a role's counters and gauges, read from plain values at the moment somebody asks.

Nothing is counted twice: the core and the sockets keep their own numbers, and a role lists them as `Sample` values.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Final

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX: Final = "bulletin_"
"""What every name of this project begins with."""


class Kind(Enum):
    """How a value behaves."""

    COUNTER = "counter"
    """It only grows, from 0 at the process's start; its name ends in ``_total``."""
    GAUGE = "gauge"
    """It goes up and down."""


@attrs.frozen
class Sample:
    """One value at one moment.

    :param name: without the prefix, such as ``socket_messages_total``.
    :param help: one phrase; the first sample of a name gives it.
    :param value: a number; NaN stands for one that is not known.
    :param kind: the same for all samples of a name.
    :param labels: what tells it from the other samples of its name.  Never anything that a client chose: labels are not bounded
        by anything else.
    """

    name: str
    help: str
    value: float
    kind: Kind = Kind.GAUGE
    labels: Mapping[str, str] = attrs.field(factory=dict)


def counter(name: str, help_: str, value: float, /, **labels: str) -> Sample:
    """A value that only grows."""
    return Sample(name, help_, value, Kind.COUNTER, labels)


def gauge(name: str, help_: str, value: float | None, /, **labels: str) -> Sample:
    """A value that goes up and down; None: not known."""
    return Sample(name, help_, math.nan if value is None else value, Kind.GAUGE, labels)


class _Samples(Collector):
    """Asks for the samples whenever it is scraped."""

    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known only when they are asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The samples, those of one name together."""
        families: dict[str, Metric] = {}
        for sample in self._samples():
            family = families.get(sample.name)
            if family is None:
                made = CounterMetricFamily if sample.kind is Kind.COUNTER else GaugeMetricFamily
                family = families[sample.name] = made(PREFIX + sample.name, sample.help)
            family.add_sample(PREFIX + sample.name, dict(sample.labels), sample.value)
        yield from families.values()


def make_registry(samples: Callable[[], Iterable[Sample]]) -> CollectorRegistry:
    """The registry of one role: its own samples, and memory, CPU time and descriptors of its process.

    :param samples: called at each scrape, in the reactor's thread; it should be cheap.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(samples))
    ProcessCollector(registry=registry)
    return registry
