"""``bulletin-client interactive``: a session to type in, for a person at a terminal or a script at a pipe.

::

     keys ──► screen.py ─┐                       ┌─► Link: requests, streams
     stdin ─► plain.py  ─┴─► session.py ─────────┤
        ▲                     │  lines.py        └─► sending.py: the outbox, and its file
        └──── look.py ◄───────┘  names.py

    lines.py    what a typed line means: text, a command with its arguments, or a mistake
    names.py    the names that are known: to complete, and to suggest the near one
    session.py  who, where, and what is followed; carries lines out, and says what happens
    orders.py   what each command does
    sending.py  lines under way: in order, each under its id, kept on disk until settled
    look.py     how posts and sentences look: pieces of text, each with a style
    state.py    files in the state directory of the user: outboxes, where he stopped reading, what he typed
    screen.py   a terminal, by prompt_toolkit, which no other module knows
    plain.py    pipes and files: a line is carried out to its end before the next is read
    service.py  the process: which of the two, and its exit status

Decisions:

- **One loop.**  prompt_toolkit needs asyncio, so Twisted runs on asyncio's loop here, and here only: `service.choose_reactor`
  is called before anything imports the reactor, and only for a terminal.
- **The application never ends between two lines**, and its terminal stays raw: what is typed while a post is printed is neither
  echoed by the terminal nor lost.  Posts that come together are printed together.
- **A line that was typed is not left on the screen**: it waits above the prompt until the board has it, and then stands among the
  posts, once, with number, time and Lamport clock.
- **Lines are carried out in their order.**  When a channel cannot be entered, what was typed behind that in good faith is given back,
  not posted into another channel.
- **Nothing waits for the board** but a command that asks it something: writing goes on without a connection.
- Other people's texts and names are made harmless before they are shown (`show.harmless`), also in completions.
"""
