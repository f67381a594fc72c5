"""What is said on the sockets: values to frames and back, one module per conversation.

::

    client ── requests ──▶ broker ◀── broker ──▶ server ── publications ──▶ readers
           ◀── replies ───                          │ ▲
                                         peers ─────┘ └───── reference

* :mod:`~bulletin.core.wire.envelope`: the two dialects and the two encodings of what clients say and hear.
* :mod:`~bulletin.core.wire.operations`: the table of operations and all their names.
* :mod:`~bulletin.core.wire.requests`, :mod:`~bulletin.core.wire.replies`: both ways each, for the server and for our
  own client; :mod:`~bulletin.core.wire.moments` understands clients' times.
* :mod:`~bulletin.core.wire.publications`: posts, bells, head beacons, elections.
* :mod:`~bulletin.core.wire.broker`, :mod:`~bulletin.core.wire.peers`, :mod:`~bulletin.core.wire.reference`: between
  the roles.

Every decoder is total: a value, or a :class:`~bulletin.core.errors.Refusal`, and nothing is built that was not
measured first (:mod:`bulletin.core.codec`).  ``requests.read`` does not even raise: its refusals are values, with the
heading that the reply to them needs.

Traps:

* Strings of a client's body come out of ``envelope`` unchecked: bytes that are no UTF-8 are lone surrogates in them,
  so that the refusal can name the field.  Only what went through :mod:`bulletin.core.board.rules` may be stored or
  repeated.
* ``bool`` is an ``int`` in Python and no number on the wire: ask ``type(value) is int``.
* Clients search replies for words (``erro``, ``sucesso``, ``OK``): see :mod:`~bulletin.core.wire.replies` before
  a field, a sentence or a code is added.
"""
