"""The checkers of the log, on every tier."""

from typing import Final

from bulletin.simulation.checkers import Checker
from bulletin.simulation.checkers.durability import Durability
from bulletin.simulation.checkers.leadership import Leadership
from bulletin.simulation.checkers.log import Log
from bulletin.simulation.checkers.lookahead import Lookahead

LOG_CHECKERS: Final[tuple[type[Checker], ...]] = (Leadership, Log, Durability, Lookahead)
