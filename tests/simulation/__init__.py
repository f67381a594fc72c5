"""The simulator itself, and what it must never find again."""
