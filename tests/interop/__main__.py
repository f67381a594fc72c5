"""Try everything against a new board, and print what came of it: one table of operations, one of the other tests."""

import sys
import time
import unittest
from collections.abc import Iterator

import zmq

from tests.interop import (
    test_errors,
    test_habits,
    test_once,
    test_publications,
    test_servers,
    test_tolerance,
)
from tests.interop.operations import OPERATIONS, attempt
from tests.interop.plain import ENCODINGS, ENVELOPES, FRAMINGS, Asker, Way
from tests.interop.shared_board import SHARED

MODULES = (test_publications, test_servers, test_once, test_habits, test_tolerance, test_errors)


def try_operations(context: zmq.Context, endpoint: str) -> int:
    """Each operation by each name, in each way; prints a row for each name, and counts what failed."""
    columns = [(encoding, envelope) for encoding in ENCODINGS for envelope in ENVELOPES]
    failures: list[str] = []
    for framing in FRAMINGS:
        askers = [Asker(context, endpoint, Way(framing, *column)) for column in columns]
        print(f"\n{framing:72}", *(f"{encoding + ' ' + envelope:20}" for encoding, envelope in columns))
        for operation in OPERATIONS:
            for name in operation.names:
                cells = []
                for asker in askers:
                    fault = attempt(operation, asker, name)
                    cells.append("as promised" if fault is None else "DIFFERENT")
                    if fault is not None:
                        failures.append(fault)
                print(f"  {operation.title:26} {name:43}", *(f"{cell:20}" for cell in cells))
        for asker in askers:
            asker.close()
    for failure in failures:
        print(failure)
    return len(failures)


class Table(unittest.TestResult):
    """Prints a row for each test as it ends."""

    def startTest(self, test):
        super().startTest(test)
        self.outcome = "as promised"
        self.begun = time.monotonic()

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcome = "DIFFERENT"

    def addError(self, test, err):
        self.addFailure(test, err)

    def stopTest(self, test):
        super().stopTest(test)
        words = test.id().rsplit(".", 1)[-1].removeprefix("test_").replace("_", " ")
        print(f"  {words:100} {self.outcome}  {time.monotonic() - self.begun:5.1f} s")


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        elif not test.id().endswith(".runTest"):  # what trial's base classes look like to unittest
            yield test


def try_the_rest() -> int:
    """The other modules' tests; counts what failed."""
    table = Table()
    for module in MODULES:
        print(f"\n{module.__doc__.splitlines()[0]}")
        for test in _tests(unittest.defaultTestLoader.loadTestsFromModule(module)):
            test.run(table)
    for _, traceback in table.failures:
        print(traceback)
    return len(table.failures)


def main() -> int:
    board = SHARED.acquire()
    context = zmq.Context()
    try:
        failures = try_operations(context, board.broker_endpoint)
    finally:
        context.destroy(0)
    failures += try_the_rest()
    print(f"\n{failures or 'Nothing'} differed from docs/protocol.md.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
