"""Any server answers the same, right after a write; and readers hear who leads."""

import re

from tests.interop.base import BoardTestCase
from tests.interop.operations import asked, make_channel, make_user, page
from tests.interop.plain import Reply, fresh


def timeless(reply: Reply) -> dict:
    """A reply without the stamps of whoever sent it."""
    return {key: value for key, value in reply.inner.items() if key not in {"timestamp", "clock"}}


class AnyServerTests(BoardTestCase):
    def answered(self) -> list[float]:
        """How many requests each server has answered with success."""
        return [
            float(
                re.search(
                    r"^bulletin_server_succeeded_total (\S+)$", server.get("/metrics")[1], re.MULTILINE
                )[1]
            )
            for server in self.board.servers
        ]

    def test_every_server_sees_a_write_as_soon_as_it_is_acknowledged(self):
        before = self.answered()
        for asker in self.askers():
            channel, user = make_channel(asker), make_user(asker)
            for number in range(1, 4):
                asker.ask("publish", {"user": user, "canal": channel, "message": f"mensagem {number}"})
                pages = [page(asker, "history", {"canal": channel}) for _ in range(12)]
                self.assertEqual([item["seq"] for item in pages[0][0]], list(range(1, number + 1)))
                self.assertEqual(pages, pages[:1] * 12)
        each = [after - had for had, after in zip(before, self.answered(), strict=True)]
        self.assertGreaterEqual(min(each), 12 * 4 * 3 / 3 / 2, f"requests answered by each: {each}")

    def test_every_server_lists_what_was_just_registered(self):
        asker = self.asker()
        channel, user = make_channel(asker), make_user(asker)
        for name, made in (("users", user), ("channels", channel)):
            before = made
            replies = [timeless(asker.ask(name, {"desde": before})) for _ in range(12)]
            self.assertEqual(replies, replies[:1] * 12)
            later = make_user(asker) if name == "users" else make_channel(asker)
            for _ in range(12):
                self.assertEqual(asker.ask(name, {"desde": before})[name], [*replies[0][name], later])

    def test_every_server_refuses_the_same(self):
        asker = self.asker()
        for _ in range(6):
            reply = asker.ask("publish", {"user": "ana", "canal": fresh("nenhum"), "message": "Oi"})
            self.assertEqual(reply["erro"], "canal_inexistente")

    def test_a_local_read_is_a_prefix_of_the_truth(self):
        asker = self.asker()
        channel = make_channel(asker)
        for number in range(1, 6):
            asker.ask("publish", {"user": "ana", "canal": channel, "message": str(number)})
        whole, _ = page(asker, "history", {"canal": channel})
        for _ in range(6):
            reply = asker.ask("history", {"canal": channel, "leitura": "local"})
            if reply["status"] == "erro":  # a server that has not applied the channel's creation
                self.assertEqual(reply["erro"], "canal_inexistente")
            else:
                self.assertEqual(reply["messages"], whole[: len(reply["messages"])])

    def test_a_new_leader_is_announced(self):
        reader = self.reader("servers")
        asker = self.asker()
        channel = make_channel(asker)
        leader = next(
            server
            for server in self.board.servers
            if 'bulletin_log_role{role="leader"} 1.0' in server.get("/metrics")[1]
        )
        leader.stop()
        try:
            value = reader.next_of(b"servers")
            self.assertEqual(set(value), {"service", "data", "timestamp", "clock"})
            self.assertEqual(value["service"], "election")
            self.assertEqual(set(value["data"]), {"coordinator", "timestamp", "clock"})
            others = {server.name for server in self.board.servers} - {leader.name}
            self.assertIn(value["data"]["coordinator"], others)
            asked(
                asker,
                "publish",
                {"user": "ana", "canal": channel, "message": "ainda aqui"},
                {"id", "seq", "recibo"},
            )
        finally:
            leader.start()
            leader.wait_ready()
