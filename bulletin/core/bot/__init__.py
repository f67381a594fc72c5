"""A bot without sockets: what it says and does next, from its seed and from what the board answers.

::

                 joining ──► channels, peers        ┌─────────────┐  ready().asks     ──► requests, each with its id
    tick(now) ──────────────────────────────────►   │     Bot     │  ready().moves    ──► follow or leave a stream
    answered(key, outcome, now)  ◄── the board      │ pace, texts │  ready().notes    ──► what came of it
    heard(event, now)            ◄── its streams    │   outbox    │
                                                    └─────────────┘

- ``pace.py``: when a post is due.
- ``texts.py``: what a bot is called, and what it says.
- ``outbox.py``: what was asked for stays there, with its id, until it is settled.
- ``joining.py``: the way in: log in, list the channels, make some where there are few.
- ``bot.py``: all of it together.

Decisions:

- **An unknown outcome is none.**  Whatever was not answered, or answered with "perhaps", is sent again with the same id, for
  ever, ever more slowly: the count of acknowledged posts is exact.  The one refusal that cannot be overcome that way, an id that
  is too old, is settled by reading the history from where the stream stood when the post was made.
- **Bounded**: with `IN_FLIGHT_MAX` posts unsettled nothing new is said; what was not said meanwhile is not made up for.
- **The seed decides actions and texts, not ids.**  A second run with the same seed on the same board is to say the same again; with
  the same ids the board would take it for a repetition, and do nothing.
- **Whom it writes to**: whoever it has read lately.  A list of all users of a large board would be long, and most of them away.
- **A new board** (a channel is gone, a stream begins anew): it joins again.  What was unsettled is then settled there.
"""
