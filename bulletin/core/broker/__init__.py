"""The broker without sockets: a load balancer that keeps each request until it is answered.

::

    clients ──client()──►  ┌────────────┐ ──ready().to_servers──►  servers
                           │ Dispatcher │
            ◄─to_clients── └────────────┘ ◄──server()───────────
                             │        │
                      PendingTable  ServerTable

- ``pending.py``: every request that was taken and not yet answered, in order of arrival, bounded in number and bytes,
  over all clients and for each of them.
- ``servers.py``: who is there, in which session, since when silent, with how much in its hands.
- ``waiting.py``: the requests that no server has; clients take turns, so that nobody waits behind another's flood.
- ``dispatcher.py``: what ties them: hands out in turn, hands on, answers once, refuses past the bounds.

The life of a request: *waiting* (attempt n, from 0) → *in the hands of* a server (attempt n + 1) → answered; or back to
waiting, when the server falls silent, goes away, starts a new session, or says LATER.  Its deadline is the same
span after its arrival for all, so order of arrival is order of deadlines, and one look at the oldest is enough.

Traps, each with a rule here:

- **Definite or not.**  What the broker refuses itself is definite only while no server ever had the request in its hands.
  From the first hand-out on somebody may still bring it about.  A frame that the transport refused to take
  (``full``, ``gone``) was never handed out: its attempts' numbers are taken back.
- **Attempts.**  A refusal counts only for the newest attempt: an older attempt's refusal says nothing of the newer
  one.  A success of any attempt, from any session, is the truth.  A server that says LATER can bring the request no further;
  its words are kept, and given at the deadline if no later attempt was made since.
- **Sessions.**  A server that stood still has dropped what it had not proposed.  It says so with a new session, and
  everything that it had goes to others at once.  A heartbeat of a session that the broker does not know is answered with
  ``known`` = 0: say READY.
- **The broker's own sleep.**  If the broker itself stood still, the heartbeats of that time are in its queues, not
  missing: a gap between two ticks is not counted as the servers' silence.
- **LATER in a circle.**  A request goes to each other ready server once, and then rests for ``REST`` before the next round.
- **No decoding on the way.**  A body is opened only to refuse it in its own envelope.
"""
