"""A client without sockets: what makes a request certain, and a stream complete.

::

                  call(request)                         ┌────────┐  ready().sends     ──► brokers, one after the other
    a command  ───────────────►                         │ Caller │
               ◄───────────────  ready().finished       └────────┘  receive(body)     ◄──
                                                             ▲ │
                                       ready().fetches (pages)│ │ fetched(page)
                                                             │ ▼
               ◄───────────────  ready().events         ┌────────┐
                                                        │ Reader │  publication(…)   ◄── proxies
                  follow(stream)                        └────────┘

- ``caller.py``: a request has an id, and is sent again with the same id and the same bytes until somebody answers or time is
  up, through each broker in turn: so it takes effect once, and what became of it is known unless nobody could be asked.
- ``reader.py``: publications are hints, the history is the truth.  Every post of a stream comes out once, in order.
- ``exchange.py``: both of them, and who waits for which answer, for whoever has sockets.
- ``outbox.py``: what a person wrote, in order, each line under its id until it is known what became of it.
- ``trouble.py``: what to say of a connection: that something failed, once, and that it works again, once.

Traps, each with a rule here:

- **A refusal that is not the last word.**  "No leader" and "overloaded" are worth another try; "no such channel" is not.  If
  an earlier sending of the same id is still unanswered somewhere, a refusal that depends on the moment is not definite.
- **A late reply** is matched by its id, or dropped: never taken for the answer to the next request.
- **The topic is a prefix.**  A reader of ``geral`` is handed ``geral2``, too.
- **A gap may close by itself**: posts of one channel come from several servers, a little out of order.  So a gap is
  looked at a moment later.
- **Whoever can publish can lie** about ``seq``.  What the history, asked later, does not have, is forgotten.
- **A cursor above the head** of the history means that the board was set up anew: said aloud, then read from its start.
"""
