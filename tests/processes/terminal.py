"""A real terminal for a program that people type in: a pane of a tmux server of the test's own."""

import os
import shutil
import subprocess
import time
from itertools import count

WIDTH, HEIGHT = 80, 24
PROMPT = "pronto>"
"""The shell's, in a pane."""

_numbers = count(1)


def missing():
    """Why there is no terminal here, or None."""
    return None if shutil.which("tmux") else "tmux is not installed (Debian: tmux)"


class NotSeenError(AssertionError):
    """What was waited for did not appear; the message has the pane."""


class Terminals:
    """A tmux server; whoever makes one ends it.

    :param environment: what the shells in its panes have beside this process's.
    """

    def __init__(self, environment):
        self.socket = f"bulletin-test-{os.getpid()}-{next(_numbers)}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")},
            "LC_ALL": "C.UTF-8",
            "ENV": "",
            **environment,
        }

    def tmux(self, *arguments):
        """One command of tmux; its output."""
        command = ["tmux", "-f", os.devnull, "-L", self.socket, *arguments]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def open(self, name):
        """A pane with a shell, ready."""
        self.tmux("new-session", "-d", "-s", name, "-x", str(WIDTH), "-y", str(HEIGHT), "exec sh")
        pane = Pane(self, name)
        pane.enter(f"PS1='{PROMPT} '; clear")
        pane.prompts(PROMPT)
        return pane

    def end(self):
        """Hang up; what runs in the panes ends."""
        subprocess.run(
            ["tmux", "-L", self.socket, "kill-server"], env=self.environment, capture_output=True, check=False
        )


class Pane:
    """One terminal."""

    def __init__(self, terminals, name):
        self._terminals = terminals
        self._name = name

    def type(self, text):
        """Type characters, one after the other."""
        self._terminals.tmux("send-keys", "-t", self._name, "-l", text)

    def press(self, *keys):
        """Press keys by tmux's names: Enter, Tab, C-c, …."""
        self._terminals.tmux("send-keys", "-t", self._name, *keys)

    def enter(self, text):
        """Type a line."""
        self.type(text)
        self.press("Enter")

    def resize(self, width, height):
        """As somebody who pulls at the window's edge."""
        self._terminals.tmux("resize-window", "-t", self._name, "-x", str(width), "-y", str(height))

    def screen(self):
        """The lines that are seen, without the empty ones at the end."""
        return self._lines()

    def everything(self):
        """The lines that are seen or were; wrapped ones are one."""
        return self._lines("-J", "-S", "-")

    def _lines(self, *options):
        text = self._terminals.tmux("capture-pane", "-p", "-t", self._name, *options)
        return [line.rstrip() for line in text.rstrip("\n").split("\n")]

    def until(self, condition, what, patience=60.0):
        """Wait until the screen's lines fulfil a condition."""
        end = time.monotonic() + patience
        while not condition(self.screen()):
            if time.monotonic() > end:
                shown = "\n".join(self.everything())
                raise NotSeenError(f"{self._name} in vain: {what}\n{shown}")
            time.sleep(0.05)

    def sees(self, text):
        """Wait until a line has this in it."""
        self.until(lambda lines: any(text in line for line in lines), text)

    def prompts(self, text):
        """Wait until the last line is this."""
        self.until(lambda lines: lines[-1] == text, f"the last line is {text!r}")

    def count(self, text):
        """How many of all lines end like this."""
        return sum(line.endswith(text) for line in self.everything())
