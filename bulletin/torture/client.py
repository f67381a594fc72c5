"""What every client of a campaign does: call, write down what it was told, and how long that took."""

import threading
from abc import ABC, abstractmethod
from random import Random
from time import monotonic
from typing import Any

import attrs

from bulletin.torture.calls import Caller, Reply
from bulletin.torture.record import UNANSWERED, Failure, Record


@attrs.frozen
class Called:
    """One call.

    :param what: names it, for a person.
    :param invoked: monotonic seconds when it was sent first.
    :param returned: when its answer came, or was not waited for any longer.
    :param reply: the inner map, or None.
    """

    what: str
    invoked: float
    returned: float
    reply: Reply | None

    @property
    def answer(self) -> Reply | None:
        """The reply, if it is one of success."""
        return self.reply if self.reply is not None and self.reply["status"] != "erro" else None


class Client(threading.Thread, ABC):
    """One client; an exception that ends it is written down."""

    def __init__(self, record: Record, caller: Caller, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.record, self.caller = record, caller
        self.rng = Random(name)

    def run(self) -> None:
        """Call until told to stop."""
        try:
            while not self.record.stop.is_set():
                self.once()
            self.caller.close()
        except BaseException as error:
            self.record.crashes.append(f"{self.name}: {error!r}")
            raise

    @abstractmethod
    def once(self) -> None:
        """One call, and a rest."""

    def call(self, what: str, operation: str, fields: dict[str, Any], patience: float) -> Called:
        """Call, and note how long it took.

        :param what: names the call, for a person.
        :param patience: seconds to wait for an answer.
        """
        invoked = monotonic()
        reply = self.caller.call(operation, fields, patience)
        done = Called(what, invoked, monotonic(), reply)
        code = UNANSWERED if reply is None else reply.get("erro") or reply["status"]
        repeats = self.caller.resend_after is not None
        self.record.took(what, done.invoked, done.returned, code, repeats=repeats)
        return done

    def failed(self, done: Called) -> Failure:
        """Write a failure down."""
        reply = done.reply
        failure = Failure(
            done.what,
            done.invoked,
            done.returned,
            UNANSWERED if reply is None else reply["erro"],
            definite=reply is not None and reply["definitivo"],
        )
        self.record.failures.append(failure)
        return failure
