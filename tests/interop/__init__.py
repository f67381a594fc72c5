"""Clients that know nothing but libzmq, MessagePack and JSON, against a real board of three servers.

Nothing here imports the package under test: what is sent and expected is written out by hand from docs/protocol.md.
One board serves all of these tests (`SharedBoard`); each test uses names of its own.

``python -m tests.interop`` runs all of it and prints a table of what was tried and what came of it.
"""
