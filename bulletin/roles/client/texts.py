"""What the client says to a person, in any of the languages; the board's refusals have theirs in ``core/errors``."""

from enum import Enum

from bulletin.language import N_, Language


class Text(Enum):
    """A sentence, with places for what it is about."""

    LOGGED_IN = N_("{user} is registered now.")
    LOGGED_IN_AGAIN = N_("Welcome back, {user}.")
    CREATED = N_("The channel {channel} is there now.")
    CREATED_BEFORE = N_("The channel {channel} was there already.")
    PUBLISHED = N_("Published as number {seq} of {stream}.")
    SENT = N_("Sent: it is number {seq} in {stream}'s inbox.")
    RECEIPT = N_("Receipt: index {index}, term {term}, hash {hash}.")
    MORE = N_("There is more: {option} {cursor}")
    NO_ANSWER = N_("No broker answered within {seconds:g} s ({brokers}).")
    UNKNOWN = N_("Whether it took effect is not known.")
    TIMED_OUT = N_("The board did not learn the outcome in time.")
    NOT_WRITTEN = N_("The result could not be written: {why}.")
    WAITING = N_("{channel}: the history cannot be read at the moment ({why}); waiting for it.")
    SILENCE = N_("no answer")
    BACK = N_("{channel}: the board is back.")
    RESET = N_(
        "{channel}: the board was set up anew (it has {head} posts, {cursor} had been read); reading from its start."
    )
    FAILED = N_("The client failed; run it again with twistd --logfile FILE to see why.")

    def say(self, language: str, **values: object) -> str:
        """The sentence, with its places filled."""
        return Language(language).say(self.value, **values)
