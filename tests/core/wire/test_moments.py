"""Clients' times, in all the forms in which they come."""

from datetime import UTC, datetime

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.wire.moments import seconds_of, understand

NOON = 1_704_110_400.0
"""2024-01-01 12:00 UTC."""


class Seconds(SynchronousTestCase):
    def test_seconds(self):
        for value in (0, 0.0, -1.5, 1_700_000_000, 1_700_000_000.25, 1e11):
            self.assertEqual(seconds_of(value), value)
            self.assertIs(type(seconds_of(value)), float)

    def test_above_1e11_a_number_is_milliseconds(self):
        self.assertEqual(seconds_of(1_700_000_000_250), 1_700_000_000.25)
        self.assertEqual(seconds_of(1_700_000_000_250.0), 1_700_000_000.25)

    def test_iso_8601(self):
        for text in (
            "2024-01-01T12:00:00Z",
            "2024-01-01T12:00:00",
            "2024-01-01 12:00:00",
            "2024-01-01T12:00:00.000+00:00",
            "2024-01-01T09:00:00-03:00",
            "2024-01-01T09:00:00.000000-0300",
            "20240101T120000Z",
        ):
            self.assertEqual(seconds_of(text), NOON, text)
        self.assertEqual(seconds_of("2024-01-01"), NOON - 43_200)
        self.assertEqual(seconds_of("2024-01-01T12:00:00.250Z"), NOON + 0.25)
        self.assertIs(type(seconds_of("2024-01-01")), float)

    def test_what_is_no_time_is_not_understood(self):
        for value in (
            *(None, True, False, "", "agora", "12:00", "2024-13-01", "2024-01-01T25:00:00", "1700000000"),
            *(float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 2**64, -(2**63), 10**64, 1e15),
            *([], {}, [1.5], b"2024-01-01", "2024-01-01\ud80012:00:00", "2024-01-01\x0012:00:00", "9" * 100),
        ):
            self.assertIsNone(seconds_of(value), repr(value))


class Understanding(SynchronousTestCase):
    def test_the_ends_of_the_calendar(self):
        for inside in ("0001-01-01", "9999-12-31T23:59:59", "9999-12-31T23:59:59-00:00", 253_402_300_799_000):
            self.assertIsNotNone(datetime.fromtimestamp(seconds_of(inside), UTC))
        for outside in (
            "9999-12-31T23:59:59.999999",  # as a float it is the next year
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+01:00",
            253_402_300_800_000,
            253_402_300_799_999.99999,
        ):
            self.assertIsNone(seconds_of(outside), outside)

    def test_the_first_that_is_understood_counts(self):
        self.assertEqual(understand(None, "agora", 1.5, 2.5), (1.5, None))
        self.assertEqual(understand(), (None, None))
        self.assertEqual(understand(None, "agora", True), (None, None))

    def test_another_form_is_kept_as_it_came(self):
        for value in (1_700_000_000, 1_700_000_000_250, 1_700_000_000_250.0, "2024-01-01T12:00:00Z"):
            self.assertEqual(understand(value), (seconds_of(value), value))
            self.assertIs(understand(value)[1], value)

    @given(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=70)
        | st.binary()
        | st.datetimes().map(str)
    )
    @settings(deadline=None, max_examples=200, derandomize=True, database=None)
    def test_whatever_is_understood_is_a_date(self, value):
        seconds, sent = understand(value)
        if seconds is None:
            self.assertIsNone(sent)
        else:
            datetime.fromtimestamp(seconds, UTC)
            self.assertTrue(sent is None or sent is value)

    @given(st.datetimes(timezones=st.just(UTC)))
    @settings(deadline=None, max_examples=100, derandomize=True, database=None)
    def test_iso_8601_is_read_as_it_was_written(self, moment):
        self.assertEqual(
            seconds_of(moment.isoformat()), (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        )
