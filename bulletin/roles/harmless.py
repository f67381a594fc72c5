"""Somebody else's words for a terminal, or for a log, which is read at one."""

import re
from typing import Final

_HARMFUL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800"
    "\u3164\ufeff\uffa0\ufff9-\uffff\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<=[^\\W\\d_])[\ufe00-\ufe0f]"
)
"""Control characters, which command a terminal; and marks that have no width, or look like a blank, or turn the direction of a
line, which make it look like another one.  A mark that makes an emoji of a sign is none, behind a letter it does nothing."""


def harmless(text: str) -> str:
    """What could command a terminal or deceive its reader is written out."""
    return _HARMFUL.sub(lambda found: found.group().encode("unicode_escape", "surrogatepass").decode(), text)
