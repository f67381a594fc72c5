"""The ordered log: what stands in it, and the port through which a server uses it.

=================  ===========================================================================
``entry.py``       one entry: a batch of operations or the configuration, chained by hash
``batch.py``       the body of an entry of operations
``founding.py``    the founding document: entry 1, the same bytes on every server
``port.py``        the four verbs: propose, barrier, follow, trim; positions and operations
=================  ===========================================================================

Traps.  An operation's *key* is the proposer's own name for one proposal; a request's *id* is inside the payload,
which nobody here opens.  The same operation may be committed twice, under two positions: the board drops the second.
A position is ``index * 2**16 + offset``, with offsets from 1, so positions have gaps.
"""
