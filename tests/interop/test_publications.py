"""A plain SUB socket sees the posts, with exactly the fields of the protocol."""

import time

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import fresh
from tests.interop.rules import check_post, check_publication


class PublicationTests(BoardTestCase):
    def test_a_post_is_published_as_the_history_has_it(self):
        for asker in self.askers():
            channel, user = self.channel(asker), fresh("ana")
            reader = self.reader(channel)
            request = {"user": user, "canal": channel, "message": "Bom dia, ação!", "timestamp": 1764000000.5}
            before = time.time()
            reply = asker.ask("publish", request)
            topic, value = reader.next()
            self.assertEqual(topic, channel.encode())
            items, _ = page(asker, "history", {"canal": channel})
            check_publication(value, items[0])
            check_post(items[0], user=user, stream=channel, message="Bom dia, ação!", seq=1)
            self.assertEqual(value["timestamp"], 1764000000.5)
            self.assertNotIn("enviado", value)
            self.assertEqual((value["id"], value["seq"]), (reply["id"], reply["seq"]))
            self.assertApproximates(value["recebido"], before, 30)
            self.assertLess(value["clock"], reply["clock"])

    def test_a_private_message_is_published_under_its_receiver(self):
        for asker in self.askers():
            receiver, sender = self.user(asker), fresh("bia")
            reader = self.reader(receiver)
            request = {"src": sender, "dst": receiver, "message": "Oi", "id": fresh("id")}
            asker.ask("message", request)
            topic, value = reader.next()
            self.assertEqual(topic, receiver.encode())
            items, _ = page(asker, "history", {"user": receiver})
            check_publication(value, items[0])
            check_post(items[0], user=sender, stream=receiver, message="Oi", seq=1, private=True)
            self.assertEqual(value["id"], request["id"])

    def test_posts_come_once_each_and_their_clocks_rise(self):
        asker = self.asker()
        channel = self.channel(asker)
        reader = self.reader(channel)
        for number in range(20):
            asker.ask("publish", {"user": "ana", "canal": channel, "message": str(number)})
        seen = [reader.next_of(channel.encode()) for _ in range(20)]
        self.assertEqual(sorted(value["seq"] for value in seen), list(range(1, 21)))
        seen.sort(key=lambda value: value["seq"])
        self.assertEqual([value["message"] for value in seen], [str(number) for number in range(20)])
        clocks = [value["clock"] for value in seen]
        self.assertEqual(clocks, sorted(set(clocks)))
        received = [value["recebido"] for value in seen]
        self.assertEqual(received, sorted(received))

    def test_topics_match_by_prefix_so_that_the_longer_name_arrives_too(self):
        asker = self.asker()
        channel = self.channel(asker)
        asker.ask("channel", {"channel": channel + "2"})
        reader = self.reader(channel)
        asker.ask("publish", {"user": "ana", "channel": channel + "2", "message": "o outro"})
        topic, value = reader.next()
        self.assertEqual((topic, value["channel"]), ((channel + "2").encode(), channel + "2"))

    def test_the_form_in_which_a_time_was_sent_goes_along(self):
        asker = self.asker()
        channel = self.channel(asker)
        reader = self.reader(channel)
        request = {"user": "ana", "canal": channel, "message": "Oi", "timestamp": "2025-11-24T16:00:00Z"}
        asker.ask("publish", request)
        value = reader.next_of(channel.encode())
        self.assertEqual((value["timestamp"], value["enviado"]), (1764000000.0, "2025-11-24T16:00:00Z"))
        items, _ = page(asker, "history", {"canal": channel})
        check_publication(value, items[0])

    def test_the_head_beacon_names_the_last_post_of_a_channel_and_of_an_inbox(self):
        asker = self.asker()
        channel, receiver = self.channel(asker), self.user(asker)
        reader = self.reader("\0heads")
        for _ in range(3):
            asker.ask("publish", {"user": "ana", "canal": channel, "message": "Oi"})
        asker.ask("message", {"src": "ana", "dst": receiver, "message": "Oi"})
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            value = reader.next_of(b"\0heads")
            self.assertEqual(set(value), {"service", "data", "timestamp", "clock"})
            self.assertEqual(value["service"], "heads")
            self.assertEqual(set(value["data"]), {"channels", "users", "timestamp", "clock"})
            heads = value["data"]["channels"].get(channel), value["data"]["users"].get(receiver)
            if heads == (3, 1):
                return
        self.fail("no beacon named the posts")
