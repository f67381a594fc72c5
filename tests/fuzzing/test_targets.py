"""Whatever the bytes, a decoder gives a value or its documented refusal, in bounded time and memory."""

import gc
import tracemalloc

from hypothesis import HealthCheck, Phase, given, settings
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import MIB
from tests.fuzzing.feeding import inputs_like
from tests.fuzzing.seeds import CORPUS, corpus, file_name, inputs
from tests.fuzzing.targets import TARGETS

CORPUS_BYTES_MAX = 200_000
MEMORY_MAX = 24 * MIB
"""What a decoder may take for an input of 64 KiB, whatever that announces; readers of files have a buffer of 16 MiB."""

FILES = {name for name in TARGETS if name.endswith("_file")}
"""Targets that write a file for each input: they get fewer."""


class Corpus(SynchronousTestCase):
    def test_every_file_of_every_target(self):
        """Those that were seeds, and those that once broke something."""
        for name, target in TARGETS.items():
            for path in corpus(name):
                with self.subTest(file=str(path.relative_to(CORPUS))):
                    target.feed(path.read_bytes())

    def test_every_seed_is_there(self):
        """A new kind of message comes into the corpus with ``python -m tests.fuzzing --seeds``."""
        made = inputs()
        self.assertEqual(set(made), set(TARGETS))
        for name, seeds in made.items():
            there = {path.read_bytes() for path in corpus(name)}
            self.assertEqual(
                [seed for seed in seeds if seed not in there], [], f"{name}: python -m tests.fuzzing --seeds"
            )

    def test_every_target_takes_something(self):
        """Else what is fed to it would only ever be refused, at its door."""
        for name, target in TARGETS.items():
            self.assertTrue(any(target.feed(path.read_bytes()) for path in corpus(name)), name)

    def test_small_and_named_by_what_is_in_it(self):
        files = [path for path in CORPUS.rglob("*") if path.is_file()]
        self.assertLess(sum(path.stat().st_size for path in files), CORPUS_BYTES_MAX)
        self.assertEqual([path.name for path in files if path.name != file_name(path.read_bytes())], [])
        self.assertEqual({path.name for path in CORPUS.iterdir()}, set(TARGETS))


def bombs(seed: bytes, size: int) -> list[bytes]:
    """Inputs of about so many bytes that announce far more, or nest without end, alone and behind a seed's first bytes."""
    made = [
        unit * (size // len(unit))
        for unit in (
            b"\xdc\xff\xff",
            b"\xdd\0\x01\0\0",
            b"\xde\xff\xff",
            b"\x91",
            b"\x81\xa0",
            b"\xc0",
            b"[",
            b'{"":',
        )
    ]
    wide = size.to_bytes(4, "big")
    made += [b"\xdd" + wide + b"\xdd" + wide * (size // 4), (b"\xdd" + wide) * (size // 5)]
    made += [seed[:cut] + made[0] for cut in range(1, min(len(seed), 12))]
    return [*made, b"\0" * size, b"9" * size, b'"' + b'\\"' * (size // 2)]


class Bounds(SynchronousTestCase):
    def test_what_announces_much_is_not_believed(self):
        """Inputs of 64 KiB, each of which announces up to gigabytes."""
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for name, target in TARGETS.items():
            for number, bomb in enumerate(bombs(inputs()[name][0], 66_000)):
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                target.feed(bomb)
                peak = tracemalloc.get_traced_memory()[1] - before
                self.assertLess(peak, MEMORY_MAX, f"{name}: bomb {number}, {bomb[:12]!r}")

    def test_what_is_too_large_is_refused(self):
        for name, target in TARGETS.items():
            if target.bytes_max is not None:
                self.assertFalse(target.feed(b"\0" * (target.bytes_max + 1)), name)


def _property(name: str):
    """The test of one target: each has its own, so that the one that breaks is named."""
    target, examples = TARGETS[name], 25 if name in FILES else 120

    @settings(
        deadline=None,
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs_like(inputs()[name]))
    def test(self, data):
        target.feed(data)

    return test


class AnyBytes(SynchronousTestCase):
    """One test for each target, made below."""


for _name in TARGETS:
    setattr(AnyBytes, f"test_{_name}", _property(_name))
