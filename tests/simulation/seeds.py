"""Tests that are a run from a fixed seed each."""

from collections.abc import Callable


def run_test(make_run, seed: int, options, done: Callable[..., object], why: str = ""):
    """A test: every promise holds.

    :param make_run: the tier's world.
    :param options: what the seed draws, or something in its place.
    :param done: gets the run at its end: how much came about in it, which must not be nothing.
    :param why: what is said of it.
    """

    def test(self) -> None:
        run = make_run(seed, options)
        try:
            run.run()
        except Exception as error:
            steps = "\n".join(run.last_steps)
            raise self.failureException(f"{error!r}\nseed {seed} ({run.options})\n{steps}") from error
        self.assertGreater(done(run), 0)

    test.__doc__ = why or "Every promise holds under the faults of this seed."
    return test
