"""What the transport costs: a Router's echo and the proxy's two sockets, as ratios to plain pyzmq in the same run.

    python -m benchmarks.transport [--rounds 3]

Each variant serves in a process of its own; the load is plain pyzmq and the same for all.  Rounds are interleaved, and medians
are given: messages a second, and processor time of the serving process per message, the steadier figure.  Bodies have 100
bytes.  ``plain`` is ``recv_multipart`` and ``send_multipart`` in a blocking loop for the echo, ``zmq.proxy`` for the proxy.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import threading
import time

import zmq
from twisted.internet import reactor

from bulletin.transport.connection import Transport
from bulletin.transport.forwarding import BackXPub, FrontXSub
from bulletin.transport.sockets import Router

BODY = b"x" * 100
CLIENTS, WINDOW, SECONDS = 50, 20, 1.0
"""Dealers, messages that each keeps in flight, and how long."""
PUBLICATIONS, UNREAD_MAX = 60_000, 500
"""Publications in all, and those that are under way at most, so that hardly one is dropped."""
LOST_AFTER_MS = 1000
"""What has not come in so long was dropped."""
STOP = b"stop"


def processor_seconds():
    """Of all threads, since the process began."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def echo_plain(answer):
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind_to_random_port("tcp://127.0.0.1")
    answer.send(router.get(zmq.LAST_ENDPOINT).decode().rstrip("\0"))
    served, began = 0, processor_seconds()
    while True:
        message = router.recv_multipart()
        if message[-1] == STOP:
            answer.send((processor_seconds() - began) / max(1, served))
            os._exit(0)
        router.send_multipart(message)
        served += 1


def echo_ours(answer):
    served, began = 0, processor_seconds()

    def received(envelope, body):
        nonlocal served
        if body == [STOP]:
            answer.send((processor_seconds() - began) / max(1, served))
            os._exit(0)
        router.send_to(envelope, *body)
        served += 1

    router = Router(Transport(), listen=["tcp://127.0.0.1:0"], received=received)
    answer.send(router.endpoint)
    reactor.run()


def measure_echo(serve):
    """(messages a second, processor seconds per message) of one serving process."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    endpoint = ours.recv()
    context, poller, dealers = zmq.Context(), zmq.Poller(), []
    for _ in range(CLIENTS):
        dealer = context.socket(zmq.DEALER)
        dealer.connect(endpoint)
        poller.register(dealer, zmq.POLLIN)
        dealers.append(dealer)
        for _ in range(WINDOW):
            dealer.send(BODY)
    echoed, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for dealer, _ in poller.poll(100):
            try:
                while True:
                    dealer.recv_multipart(zmq.NOBLOCK)
                    echoed += 1
                    dealer.send(BODY)
            except zmq.Again:
                pass
    dealers[0].send(STOP)
    per_message = ours.recv()
    server.join(10)
    context.destroy(0)
    return echoed / SECONDS, per_message


def forward_plain(answer):
    context = zmq.Context()
    front, back = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    for each in (front, back):
        each.bind_to_random_port("tcp://127.0.0.1")
        answer.send(each.get(zmq.LAST_ENDPOINT).decode().rstrip("\0"))
    began = processor_seconds()

    def wait():
        answer.recv()
        answer.send(processor_seconds() - began)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
    zmq.proxy(front, back)


def forward_ours(answer):
    transport = Transport()
    back = BackXPub(transport, listen=["tcp://127.0.0.1:0"])
    front = FrontXSub(transport, listen=["tcp://127.0.0.1:0"], received=back.forward)
    answer.send(front.endpoint)
    answer.send(back.endpoint)

    began = processor_seconds()

    def look():
        if answer.poll():
            answer.send(processor_seconds() - began)
            os._exit(0)
        reactor.callLater(0.05, look)

    look()
    reactor.run()


def measure_forwarding(serve):
    """(publications a second, processor seconds per publication) of one forwarding process."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    front, back = ours.recv(), ours.recv()
    context = zmq.Context()
    publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    publisher.connect(front)
    subscriber.connect(back)
    subscriber.subscribe(b"geral")
    while not subscriber.poll(10):
        publisher.send_multipart([b"geral", b"hello"])
    while subscriber.poll(100):
        subscriber.recv_multipart()
    sent = got = lost = 0
    began = time.perf_counter()
    while got < PUBLICATIONS:
        while sent < PUBLICATIONS and sent - got < UNREAD_MAX:
            publisher.send_multipart([b"geral", BODY])
            sent += 1
        if not subscriber.poll(LOST_AFTER_MS):
            lost += sent - got
            got = sent
        try:
            while True:
                subscriber.recv_multipart(zmq.NOBLOCK)
                got += 1
        except zmq.Again:
            pass
    took = time.perf_counter() - began
    if lost:
        print(f"{lost} of {PUBLICATIONS} publications were dropped, and a second was lost by it.")
    ours.send("used")
    used = ours.recv()
    server.join(10)
    context.destroy(0)
    return PUBLICATIONS / took, used / PUBLICATIONS


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    rounds = arguments.parse_args().rounds
    multiprocessing.set_start_method("spawn")
    for name, measure, plain, ours in (
        ("Router echo", measure_echo, echo_plain, echo_ours),
        ("XSUB to XPUB", measure_forwarding, forward_plain, forward_ours),
    ):
        seen = {plain: [], ours: []}
        for _ in range(rounds):
            for serve in (plain, ours):
                seen[serve].append(measure(serve))
        plain_rate, plain_cost = map(statistics.median, zip(*seen[plain], strict=True))
        rate, cost = map(statistics.median, zip(*seen[ours], strict=True))
        print(
            f"{name:13} rate {rate / plain_rate:.2f} of plain, processor time {cost / plain_cost:.2f}"
            f"   ({rate:.0f} and {plain_rate:.0f} a second, {cost * 1e6:.1f} and {plain_cost * 1e6:.1f} us)"
        )


if __name__ == "__main__":
    main()
