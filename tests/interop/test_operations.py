"""Every operation of the protocol, by every name, in both envelopes and encodings, from each kind of socket."""

import zmq

from tests.interop.base import BoardTestCase
from tests.interop.operations import OPERATIONS, attempt
from tests.interop.plain import BARE, DELIMITED, REQ, WAYS, Asker


def faults(context: zmq.Context, endpoint: str, framing: str) -> list[str]:
    """What differs from the protocol, over all operations and names; empty where nothing does."""
    found = []
    for way in WAYS:
        if way.framing != framing:
            continue
        asker = Asker(context, endpoint, way)
        for operation in OPERATIONS:
            for name in operation.names:
                fault = attempt(operation, asker, name)
                if fault is not None:
                    found.append(fault)
        asker.close()
    return found


class OperationTests(BoardTestCase):
    def _check(self, framing: str) -> None:
        self.assertEqual(faults(self.context, self.board.broker_endpoint, framing), [])

    def test_a_req_socket_does_every_operation(self):
        self._check(REQ)

    def test_a_dealer_that_sends_the_body_alone_does_every_operation(self):
        self._check(BARE)

    def test_a_dealer_that_sends_an_empty_frame_first_does_every_operation(self):
        self._check(DELIMITED)
