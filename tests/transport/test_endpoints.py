"""What is an endpoint, and the one sentence for what is none."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.transport.endpoints import (
    ENDPOINTS_MAX,
    EndpointError,
    has_name,
    host_of,
    is_wildcard,
    parse_endpoint,
    parse_endpoints,
    parse_host_port,
    with_port,
)


class Accepted(SynchronousTestCase):
    def test_both_ways(self):
        for text in (
            "tcp://127.0.0.1:5555",
            "tcp://localhost:1",
            "tcp://a-b.example.org:65535",
            "tcp://broker_1:5555",
            "tcp://example.org.:5555",
            "tcp://[::1]:5555",
            "tcp://[fe80::1%eth0]:5555",
            "tcp://eth0:5555",
            "ipc:///run/bulletin/broker",
            "ipc://relative",
            "ipc://@abstract",
        ):
            for listen in (True, False):
                with self.subTest(text=text, listen=listen):
                    self.assertEqual(parse_endpoints(text, listen=listen), (text,))

    def test_only_to_listen_on(self):
        for text, parsed in (
            ("tcp://*:5555", "tcp://*:5555"),
            ("tcp://0.0.0.0:5555", "tcp://0.0.0.0:5555"),
            ("tcp://[::]:5555", "tcp://[::]:5555"),
            ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
            ("tcp://127.0.0.1:*", "tcp://127.0.0.1:0"),
        ):
            with self.subTest(text=text):
                self.assertEqual(parse_endpoint(text, listen=True), parsed)
                self.assertRaises(EndpointError, parse_endpoint, text, listen=False)

    def test_several(self):
        self.assertEqual(parse_endpoints(" tcp://a:1 ,tcp://b:1", listen=False), ("tcp://a:1", "tcp://b:1"))

    def test_any_free_port_twice(self):
        """They are two ports."""
        self.assertEqual(len(parse_endpoints("tcp://127.0.0.1:0,tcp://127.0.0.1:0", listen=True)), 2)

    def test_leading_zeros_of_a_port(self):
        self.assertEqual(parse_endpoint("tcp://a:0080", listen=False), "tcp://a:80")


class Refused(SynchronousTestCase):
    def test_with_one_sentence(self):
        for text, words in (
            ("", "is empty"),
            (" ", "is empty"),
            ("tcp://a:1,", "is empty"),
            ("tcp://a:1,,tcp://b:1", "is empty"),
            ("tcp://a:1,tcp://a:1", "given twice"),
            ("tcp://a:1,tcp://a:01", "given twice"),
            ("127.0.0.1:5555", "begins neither with tcp:// nor with ipc://"),
            ("TCP://a:1", "begins neither"),
            ("udp://a:1", "begins neither"),
            ("inproc://a", "begins neither"),
            ("tcp://", "not of the form tcp://HOST:PORT"),
            ("tcp://a", "not of the form tcp://HOST:PORT"),
            ("tcp://:80", "not of the form tcp://HOST:PORT"),
            ("tcp://a:", "the port in"),
            ("tcp://a:x", "the port in"),
            ("tcp://a:-1", "the port in"),
            ("tcp://a:65536", "the port in"),
            ("tcp://a:99999", "the port in"),
            ("tcp://a:²", "the port in"),
            ("tcp://a:1_0", "the port in"),
            ("tcp://a: 1", "the port in"),
            ("tcp://127.0.0.256:1", "the host in"),
            ("tcp://127.1:1", "the host in"),
            ("tcp://1:1", "the host in"),
            ("tcp://::1:1", "the host in"),
            ("tcp://[::1:1", "the host in"),
            ("tcp://[127.0.0.1]:1", "the host in"),
            ("tcp://[a]:1", "the host in"),
            ("tcp://a b:1", "the host in"),
            ("tcp://-a:1", "the host in"),
            ("tcp://a..b:1", "the host in"),
            ("tcp://a\nb:1", "the host in"),
            ("tcp://127.0.0.1;eth0:1", "the host in"),
            ("tcp://é:1", "the host in"),
            (f"tcp://{'a' * 64}:1", "the host in"),
            (f"tcp://{'a.' * 126}aa:1", "longer than 256 bytes"),
            (f"ipc://{'a' * 300}", "longer than 256 bytes"),
            (f"ipc://{'a' * 108}", "a path of more than 107 bytes"),
            (f"ipc://{'é' * 54}", "a path of more than 107 bytes"),
            ("ipc://", "names no file"),
            ("ipc://*", "names no file"),
            ("ipc://@", "names no file"),
            ("ipc:///tmp/", "names no file"),
            ("ipc://a\0b", "control characters"),
            ("ipc://\udcff", "control characters"),
            (",".join(f"tcp://a:{port}" for port in range(1, ENDPOINTS_MAX + 2)), "more than 64 endpoints"),
        ):
            for listen in (True, False):
                with self.subTest(text=text[:60], listen=listen):
                    error = self.assertRaises(EndpointError, parse_endpoints, text, listen=listen)
                    self.assertIn(words, str(error))
                    self.assertNotIn("\n", str(error))
                    self.assertLess(len(str(error)), 250)

    def test_what_nothing_can_connect_to(self):
        for text, words in (
            ("tcp://*:1", "wildcard"),
            ("tcp://0.0.0.0:1", "wildcard"),
            ("tcp://[::]:1", "wildcard"),
            ("tcp://[0::0]:1", "wildcard"),
            ("tcp://a:0", "from 1 to 65535"),
            ("tcp://a:*", "from 1 to 65535"),
        ):
            error = self.assertRaises(EndpointError, parse_endpoints, text, listen=False)
            self.assertIn(words, str(error))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.one_of(
            st.text(max_size=40),
            st.text("tcp:/i*@[]0123.,;%ab ", max_size=30).map("tcp://".__add__),
            st.text(max_size=20).map("ipc://".__add__),
        ),
        st.booleans(),
    )
    def test_nothing_else_is_ever_raised(self, text, listen):
        try:
            endpoints = parse_endpoints(text, listen=listen)
        except EndpointError as error:
            self.assertEqual(len(str(error).splitlines()), 1)
        else:
            self.assertEqual(parse_endpoints(",".join(endpoints), listen=listen), endpoints)


class Wildcards(SynchronousTestCase):
    def test_which_are_none_to_connect_to(self):
        for text in ("tcp://*:5561", "tcp://0.0.0.0:5561", "tcp://[::]:5561", "tcp://[0:0::0]:5561"):
            self.assertTrue(is_wildcard(text), text)
        for text in ("tcp://127.0.0.1:5561", "tcp://[::1]:5561", "ipc://x", "ipc://*:1", "tcp://a:1"):
            self.assertFalse(is_wildcard(text), text)


class Pages(SynchronousTestCase):
    def test_host_and_port(self):
        self.assertEqual(parse_host_port("127.0.0.1:8080", listen=True), ("127.0.0.1", 8080))
        self.assertEqual(parse_host_port("*:0", listen=True), ("*", 0))
        self.assertEqual(parse_host_port("[::1]:80", listen=True), ("[::1]", 80))
        for text in ("8080", ":8080", "a:x", "http://a:80", ""):
            self.assertRaises(EndpointError, parse_host_port, text, listen=True)


class Ports(SynchronousTestCase):
    def test_port_0_is_the_one_that_something_got(self):
        for endpoint, expected in (
            ("tcp://10.0.0.1:0", "tcp://10.0.0.1:4321"),
            ("tcp://[::1]:0", "tcp://[::1]:4321"),
            ("tcp://10.0.0.1:5561", "tcp://10.0.0.1:5561"),
            ("ipc://peers:0", "ipc://peers:0"),
        ):
            self.assertEqual(with_port(endpoint, "tcp://0.0.0.0:4321"), expected)

    def test_names_and_addresses(self):
        for endpoint in ("tcp://servidor:1", "tcp://localhost:1", "tcp://a.example.:1"):
            self.assertTrue(has_name(endpoint), endpoint)
        for endpoint in ("tcp://10.0.0.1:1", "tcp://[::1]:1", "tcp://*:1", "ipc://servidor:1"):
            self.assertFalse(has_name(endpoint), endpoint)

    def test_hosts(self):
        for endpoint, host in (("tcp://[::1]:5", "[::1]"), ("tcp://*:5", "*"), ("ipc://a:5", None)):
            self.assertEqual(host_of(endpoint), host)
