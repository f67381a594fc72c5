"""The checkers of histories: each finds what is wrong and nothing else, and the exhaustive search agrees with all."""
