"""A caller without a board, for tests of clients."""


class Caller:
    """Answers in turn with what a test says."""

    resend_after = None

    def __init__(self, *replies):
        self.replies = list(replies)
        self.calls = []

    def call(self, operation, fields, patience):
        self.calls.append((operation, fields))
        return self.replies.pop(0)

    def close(self):
        """Nothing is open."""


def refused(code, *, definite):
    return {"status": "erro", "erro": code, "definitivo": definite}
