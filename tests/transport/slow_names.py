"""In a network namespace of its own, as root: a name server that never answers, sockets that ask it, two others.

    python -m tests.transport.slow_names ENDPOINTS

The endpoints, separated by commas, are what the sender of the two connects to; PORT stands for the other one's port.  Prints which
came first: the message between the two, or the second asking for the same name (the lookup is still under way then).
"""

import os
import socket
import sys

from twisted.internet import reactor

from bulletin.transport.sockets import ZEROMQ

NAME_BYTES = 2
"""The number of a query, at its beginning."""


def end(word):
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    os._exit(0)  # closing would wait for the lookup


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    transport = ZEROMQ.Transport()
    router = ZEROMQ.Router(
        transport, listen=["tcp://127.0.0.1:0"], received=lambda _envelope, _body: end("message")
    )
    kept = [ZEROMQ.Dealer(transport, connect=["tcp://nobody.example:1"], received=print) for _ in range(2)]

    def ask():
        """Wait for the lookup, in a thread; then have a message sent."""
        asked = {server.recv(512)[:NAME_BYTES]}
        reactor.callFromThread(send)
        while (number := server.recv(512)[:NAME_BYTES]) not in asked:
            asked.add(number)
        end("lookup")

    def send():
        port = router.endpoint.rpartition(":")[2]
        fellow = ZEROMQ.Dealer(
            transport, connect=sys.argv[1].replace("PORT", port).split(","), received=print
        )
        fellow.send(b"hello")
        kept.append(fellow)

    reactor.callWhenRunning(reactor.callInThread, ask)
    reactor.run()


if __name__ == "__main__":
    main()
