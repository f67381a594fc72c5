"""Samples become Prometheus's text."""

import math

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from bulletin.web.metrics import Kind, Sample, counter, gauge, make_registry


def exposed(*samples):
    text = generate_latest(make_registry(lambda: samples)).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Samples(SynchronousTestCase):
    def test_samples_of_one_name_are_one_family(self):
        values = exposed(
            counter("messages_total", "Messages.", 1, socket="clients"),
            gauge("backlog", "Waiting.", 5),
            counter("messages_total", "Messages.", 2, socket="servers"),
        )
        self.assertEqual(values["bulletin_messages_total", (("socket", "clients"),)], 1)
        self.assertEqual(values["bulletin_messages_total", (("socket", "servers"),)], 2)
        self.assertEqual(values["bulletin_backlog", ()], 5)

    def test_what_is_not_known_is_nan(self):
        self.assertTrue(
            math.isnan(exposed(gauge("offset_seconds", "Offset.", None))["bulletin_offset_seconds", ()])
        )

    def test_a_label_is_escaped(self):
        values = exposed(gauge("x", "X.", 1, name='a"b\\c\nd'))
        self.assertIn(("bulletin_x", (("name", 'a"b\\c\nd'),)), values)

    def test_a_sample_is_a_gauge_by_default(self):
        self.assertIs(Sample("x", "X.", 1).kind, Kind.GAUGE)

    def test_two_registries_share_nothing(self):
        one = make_registry(lambda: [gauge("x", "X.", 1)])
        other = make_registry(lambda: [gauge("x", "X.", 2)])
        self.assertIn(b"bulletin_x 1.0", generate_latest(one))
        self.assertIn(b"bulletin_x 2.0", generate_latest(other))
