"""The board without sockets, disks and clocks: read it to understand the whole of it.

Everything here is values in, values out.  Time comes in as an :class:`~bulletin.core.clocks.instant.Instant`,
randomness as bytes or a seeded generator; nothing here imports Twisted, ZeroMQ, SQLite, threads or a clock, so any
run can be repeated exactly.  Layers, each importing only what is below it::

                               bot         what a client that keeps itself busy does next
    server  broker  reference  client      each role's logic, one value machine each
    wire                                   values <-> frames
    store                                  what the disk holds, and what of it is believed
    raft  board                            the ordered log's engine; the replicated state machine
    log                                    the port between those two, entries, the founding document
    clocks                                 instants, the Lamport clock
    codec                                  bytes <-> bounded plain values
    errors                                 the catalogue of refusals
    limits                                 every bound

The value machines share one form: ``receive(…, now)``, ``tick(now)``, and ``ready()``, which returns what to
persist, send, answer and publish.

Trap: input from outside is refused (:class:`~bulletin.core.errors.Refusal`), never asserted on; an invariant of our
own is asserted, in production too, since stopping beats a wrong answer.
"""
