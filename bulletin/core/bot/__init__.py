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
- ``window.py``: how much of it is under way at once.
- ``joining.py``: the way in: log in, list the channels, make some where there are few.
- ``bot.py``: all of it together.
- ``turns.py``: carries out what it decides, through whoever talks to the board for it.

Decisions:

- **An unknown outcome is none.**  Whatever was not answered, or answered with "perhaps", is sent again with the same id, for
  ever, ever more slowly: the count of acknowledged posts is exact.  The one refusal that cannot be overcome that way, an id that
  is too old, is settled by reading the history from where the stream stood when the post was made.
- **Bounded, and gentle**: with a window's size of requests unsettled nothing new is said, and what was not said meanwhile is not made up
  for.  A board that answers late halves the window: ten bots that each sent 128 requests again and again kept a busy machine's
  board from ever answering one.
- **The seed decides actions and texts, not ids.**  A second run with the same seed on the same board is to say the same again; with
  the same ids the board would take it for a repetition, and do nothing.
- **Whom it writes to**: whoever it has read lately.  A list of all users of a large board would be long, and most of them away.
- **A new board** (a channel is gone, a stream begins anew): it joins again.  What was unsettled is then settled there.
"""
