from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.clocks.corrected import SECONDS_MAX, State
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.wire.clocks import CLOCKS_MAX, PROBES_MAX, Adjustment, ProbeAnswer
from bulletin.core.wire.reference import decode_reply, decode_request, read_request

ANSWER = {"user": "s1", "rodada": 7, "sonda": 1, "hora": 1.7e9, "estado": "nunca"}
ADJUSTMENT = {"rodada": 7, "sonda": 1, "ajuste": 0.5, "incerteza": 0.001, "fonte": 3}
ROW = {"name": "s1", "rank": 1, "estado": "nunca"}
WILD = st.floats() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=4) | st.none() | st.booleans() | st.binary(max_size=4) | st.lists(st.floats(), max_size=2)  # fmt: skip


def pack(service, fields):
    return codec.pack({"service": service, "data": fields})


class AnswerTests(SynchronousTestCase):
    def test_the_least(self):
        body = decode_request(pack("sonda", ANSWER)).body
        self.assertEqual(body, ProbeAnswer("s1", 7, 1, 1.7e9, None, 0.0, 0.0, State.NEVER))

    def test_fields_out_of_their_bounds(self):
        for field, value, reason in [
            ("hora", float("nan"), Reason.OUT_OF_RANGE),
            ("hora", float("inf"), Reason.OUT_OF_RANGE),
            ("hora", -2 * SECONDS_MAX, Reason.OUT_OF_RANGE),
            ("hora", 2**64 - 1, Reason.OUT_OF_RANGE),
            ("hora", None, Reason.MISSING),
            ("hora", "1.0", Reason.WRONG_TYPE),
            ("hora", True, Reason.WRONG_TYPE),
            ("incerteza", -0.1, Reason.OUT_OF_RANGE),
            ("incerteza", float("inf"), Reason.OUT_OF_RANGE),
            ("resta", float("nan"), Reason.OUT_OF_RANGE),
            ("taxa", 1e7, Reason.OUT_OF_RANGE),
            ("taxa", [], Reason.WRONG_TYPE),
            ("rodada", -1, Reason.OUT_OF_RANGE),
            ("rodada", 2**53 + 1, Reason.OUT_OF_RANGE),
            ("rodada", 7.0, Reason.WRONG_TYPE),
            ("sonda", 0, Reason.OUT_OF_RANGE),
            ("sonda", PROBES_MAX + 1, Reason.OUT_OF_RANGE),
            ("sonda", None, Reason.MISSING),
            ("estado", "?", Reason.UNKNOWN_VALUE),
            ("estado", None, Reason.UNKNOWN_VALUE),
            ("estado", [], Reason.UNKNOWN_VALUE),
            ("user", "", Reason.EMPTY),
        ]:
            refusal = read_request(pack("sonda", ANSWER | {field: value})).body
            self.assertIsInstance(refusal, Refusal, (field, value))
            self.assertEqual(
                (refusal.code, refusal.field, refusal.reason), (Code.INVALID_FIELD, field, reason)
            )

    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(st.dictionaries(st.sampled_from([*ANSWER, "incerteza", "resta", "taxa"]), WILD, max_size=3))
    def test_what_is_read_is_always_within_the_bounds(self, wild):
        body = read_request(pack("sonda", ANSWER | wild)).body
        if isinstance(body, ProbeAnswer):
            self.assertLessEqual(abs(body.time), SECONDS_MAX)
            self.assertLessEqual(abs(body.left), SECONDS_MAX)
            self.assertTrue(body.bound is None or 0 <= body.bound <= SECONDS_MAX)
            self.assertTrue(1 <= body.number <= PROBES_MAX)
        else:
            self.assertIsInstance(body, Refusal)


class AdjustmentTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(st.dictionaries(st.sampled_from([*ADJUSTMENT]), WILD, max_size=3))
    def test_what_is_read_is_always_within_the_bounds(self, wild):
        try:
            body = decode_reply(pack("ajuste", ADJUSTMENT | wild)).body
        except Refusal:
            return
        self.assertIsInstance(body, Adjustment)
        self.assertLessEqual(abs(body.difference), SECONDS_MAX)
        self.assertTrue(0 <= body.error <= SECONDS_MAX)


class ListTests(SynchronousTestCase):
    def reply(self, **fields):
        return decode_reply(pack("clocks", {"time": 1.5, "rodadas": 1, "clocks": [ROW]} | fields)).body

    def test_the_least(self):
        (row,) = self.reply().clocks
        self.assertEqual((row.name, row.offset, row.standing), ("s1", None, None))

    def test_lists_that_are_none(self):
        for fields in (
            {"clocks": None},
            {"clocks": [1]},
            {"clocks": [ROW] * (CLOCKS_MAX + 1)},
            {"clocks": [ROW | {"estado": "x"}]},
            {"clocks": [ROW | {"rodada": "x"}]},
            {"clocks": [ROW | {"rodada": {}}]},
            {"clocks": [ROW | {"name": "a\x1b[2J"}]},
            {"clocks": [ROW | {"offset": float("nan")}]},
            {"time": None},
            {"rodadas": "1"},
        ):
            self.assertRaises(Refusal, self.reply, **fields)
