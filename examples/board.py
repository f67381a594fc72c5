"""A client of the board: python3 board.py [USER [CHANNEL [TEXT [BROKER [PROXY]]]]]; needs pyzmq and msgpack."""

import os
import signal
import sys
import time

import msgpack
import zmq

defaults = ["ana", "geral", "Bom dia!", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5558"]
user, channel, text, broker_at, proxy_at = sys.argv[1:6] + defaults[len(sys.argv) - 1 :]
clock = 0  # Lamport's: one more before each request, and never less than a clock that was received
wanted = 1  # the number of the next post to show
broker = zmq.Context.instance().socket(zmq.REQ)
broker.req_relaxed = broker.req_correlate = 1  # send again what was not answered; drop a late answer
broker.connect(broker_at)
proxy = zmq.Context.instance().socket(zmq.SUB)
proxy.subscribe(channel)
proxy.connect(proxy_at)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word


def ask(service, **fields):  # send until it is answered: however often its id comes, it takes effect once
    global clock
    fields["id"] = os.urandom(8).hex()
    while True:
        clock += 1
        fields |= {"timestamp": time.time(), "clock": clock}
        broker.send(msgpack.packb({"service": service, "data": fields}))
        if broker.poll(5000):
            reply = msgpack.unpackb(broker.recv())["data"]
            clock = max(clock, reply["clock"])
            if reply["status"] != "erro":
                return reply
            if "tente_em" not in reply:
                sys.exit(reply["description"])
            time.sleep(reply["tente_em"])


def show(post):  # print a post if it is the next; false if one before it is missing
    global clock, wanted
    clock = max(clock, post["clock"])
    if post["seq"] == wanted and "message" in post:
        print(f"#{wanted} {post['user']}: {post['message']} (clock {post['clock']})", flush=True)
        wanted += 1
    return post["seq"] < wanted


ask("login", user=user)
ask("channel", channel=channel, user=user)
ask("publish", user=user, channel=channel, message=text)
complete, checked = False, 0.0
while True:
    if not complete or time.monotonic() > checked + 2:  # publications may be lost, the history has all
        page, checked = ask("history", channel=channel, desde=wanted - 1), time.monotonic()
        complete = all(show(post) for post in page["messages"]) and not page["mais"]
    elif proxy.poll(2000):
        topic, body = proxy.recv_multipart()
        complete = topic != channel.encode() or show(msgpack.unpackb(body))  # "geral2" comes to "geral"
