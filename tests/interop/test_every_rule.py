"""Every rule for clients' requests, replies and publications, in one sentence each, with the tests that hold it.

Most are in this package, against a real board; what a client cannot bring about from outside is a unit test elsewhere.
"""

import importlib
import unittest

from twisted.trial.unittest import SynchronousTestCase

RULES = {
    # Sockets and framing.
    "A REQ socket is a full client.": "test_operations.OperationTests.test_a_req_socket_does_every_operation",
    "A DEALER may send the body alone.": "test_operations.OperationTests.test_a_dealer_that_sends_the_body_alone_does_every_operation",
    "A DEALER may send an empty frame before it.": "test_operations.OperationTests.test_a_dealer_that_sends_an_empty_frame_first_does_every_operation",
    "The reply is framed as its request was.": (
        "test_tolerance.ReplyTests.test_both_framings_may_be_mixed_on_one_socket",
        "test_tolerance.ReplyTests.test_a_reply_is_in_the_framing_of_its_request_also_where_nothing_could_be_read",
    ),
    "Replies that a client does not read are dropped and counted.": "tests.roles.test_broker.InMemory.test_client_that_does_not_read",
    "No order is promised between requests in flight; the id tells replies apart.": "test_once.OnceTests.test_a_pipelining_dealer_tells_replies_apart_by_id",
    # Envelopes and encodings.
    "Two envelopes and two encodings are told from the bytes, and answered alike.": (
        "tests.core.wire.test_envelope.Detection.test_all_four_combinations_are_told_from_the_bytes",
        "test_operations.OperationTests.test_a_req_socket_does_every_operation",
    ),
    "A body with the keys of both envelopes is a native one.": "test_habits.MapTests.test_a_body_with_the_keys_of_both_envelopes_is_a_native_one",
    "timestamp is a float64 in whatever is sent, clock beside it; in replies in the inner map and beside it.": (
        "test_tolerance.ReplyTests.test_the_timestamps_of_a_reply_are_float64",
        "tests.core.wire.test_envelope.Sealing.test_clock_and_timestamp_stand_in_the_inner_map_and_beside_it",
    ),
    "A request's time may be seconds, milliseconds, ISO-8601, under two names, or missing.": "test_habits.TimeTests.test_every_form_of_a_time_is_understood",
    "A date of MessagePack's own is a time too.": "test_tolerance.RequestTests.test_dates_as_libraries_of_messagepack_write_them_are_times",
    "What is not understood as a time is replaced by the board's.": "test_habits.TimeTests.test_what_is_not_understood_is_replaced_by_the_boards_time",
    "A clock that is no integer counts as none.": "test_habits.ClockTests.test_what_is_no_integer_counts_as_no_clock",
    "One more than 2^20 above the board's own is not merged.": (
        "test_habits.ClockTests.test_one_far_ahead_is_not_merged",
        "tests.core.clocks.test_lamport.Lamport.test_too_far_ahead_is_not_merged",
    ),
    "Only an integer out of range is refused; it moves no clock.": "test_habits.ClockTests.test_an_integer_out_of_range_is_refused_and_moves_no_clock",
    "timestamp and clock beside the inner map count when it has none.": (
        "test_habits.ClockTests.test_beside_the_inner_map_it_counts_where_that_has_none",
        "test_habits.TimeTests.test_every_form_of_a_time_is_understood",
    ),
    "An inner map that is missing, null or empty is an empty map.": "test_habits.MapTests.test_an_inner_map_may_be_empty_null_or_missing",
    "Unknown fields are ignored.": (
        "test_habits.MapTests.test_unknown_fields_and_empty_ones_do_no_harm",
        "test_tolerance.RequestTests.test_extension_types_in_fields_that_nobody_reads_do_no_harm",
    ),
    "Reserved fields are ignored, today.": "test_tolerance.RequestTests.test_reserved_fields_are_ignored",
    "Every name of an operation works in both envelopes.": "test_operations.OperationTests.test_a_req_socket_does_every_operation",
    # Replies.
    "status is OK for some names of the service envelope, and sucesso for all others.": "test_tolerance.ReplyTests.test_status_is_ok_for_some_names_of_the_service_envelope_and_for_no_others",
    "An error has its code, its sentence under two names, whether it is definite, and msg in the native envelope.": (
        "test_errors.ErrorTests.test_what_cannot_be_decoded_is_answered",
        "tests.core.wire.test_replies.Errors.test_the_fields_of_an_error",
    ),
    "tente_em is there where waiting helps.": "tests.core.wire.test_replies.Errors.test_what_is_unknown_is_not_definite_and_waiting_may_help",
    "A success has no key or value with erro in it.": (
        "test_habits.JsonTests.test_words_that_clients_search_for",
        "tests.core.wire.test_replies.Success.test_no_word_of_an_error",
    ),
    "An error has neither OK nor sucesso in it.": (
        "test_habits.JsonTests.test_words_that_clients_search_for",
        "tests.core.wire.test_replies.Errors.test_no_word_of_a_success_whatever_the_code",
        "tests.core.test_errors.Catalogue.test_no_text_has_a_word_of_success",
    ),
    "A reply repeats nothing of what was sent, but the id and the operation's name.": (
        "tests.core.wire.test_replies.Repetition.test_no_value_of_a_request_comes_back",
        "test_habits.JsonTests.test_an_unknown_operation_with_such_a_word_is_not_repeated",
    ),
    "Every reply to a request with an id has it.": "test_tolerance.ReplyTests.test_every_reply_to_a_request_with_an_id_has_it_errors_and_lists_included",
    "JSON has no space before a colon, and UTF-8 as it is.": "tests.core.test_codec.Json.test_no_space_before_a_colon_and_utf8_as_it_is",
    "JSON may be written in any way.": "test_habits.JsonTests.test_white_space_and_escapes_do_no_harm",
    "What cannot be decoded is answered, in JSON if it begins with a brace.": "test_errors.ErrorTests.test_what_cannot_be_decoded_is_answered",
    # Operations.
    "Names of fields have aliases, and the first that is given counts.": "test_habits.MapTests.test_of_several_names_of_a_field_the_first_counts",
    "A list is under all the names that clients read.": (
        "tests.core.wire.test_operations.Table.test_keys_of_the_lists",
        "test_operations.OperationTests.test_a_req_socket_does_every_operation",
    ),
    "Logging in again and creating a channel that exists are no errors.": "test_tolerance.ReplyTests.test_status_is_ok_for_some_names_of_the_service_envelope_and_for_no_others",
    "Publishing needs no login; the sender is registered by its first post.": "test_tolerance.RequestTests.test_who_posts_or_writes_without_a_login_is_registered_by_it",
    "Publishing to no channel, or writing to no user, is an error and stores nothing.": "test_errors.ErrorTests.test_names",
    "A request with an id takes effect once, and gets its first answer.": "test_once.OnceTests.test_repeated_in_every_way_it_gets_its_first_answer",
    "A refusal for what the board holds is a first answer, too.": "tests.core.board.test_board.Refusals.test_a_refusal_is_an_event_in_the_order_and_is_remembered",
    "An id has 64 bytes at most.": "test_tolerance.ReplyTests.test_an_id_may_have_64_bytes_and_any_characters",
    "A post without an id gets one of the board's.": "test_tolerance.RequestTests.test_a_post_without_an_id_gets_one_of_the_boards_in_hexadecimal",
    "The last operations' ids are remembered; one of a session is never run twice.": (
        "tests.core.board.test_board.Repetitions.test_a_plain_id_is_forgotten_after_the_window",
        "tests.core.board.test_board.Repetitions.test_an_operation_of_a_session_is_never_run_twice_even_after_the_window",
    ),
    "A page has 50 posts if not said, and 500 at most.": "test_tolerance.PageTests.test_a_page_has_50_posts_if_not_said_and_500_at_most",
    "A page ends early at 512 KiB; backward the newest are kept.": (
        "test_habits.MapTests.test_a_page_ends_early_where_it_gets_long",
        "tests.core.board.test_history.EarlyEnds.test_read_backward_the_newest_are_kept",
    ),
    "A conversation runs over two inboxes, by clock; canal wins over user.": "test_operations.OperationTests.test_a_req_socket_does_every_operation",
    "What is no string, too long, empty, not Unicode or has control characters is refused, with field and reason.": (
        "test_errors.ErrorTests.test_fields_of_a_wrong_kind",
        "test_errors.ErrorTests.test_what_is_no_unicode",
    ),
    "What is of the greatest length is taken.": "test_tolerance.RequestTests.test_names_and_texts_of_the_greatest_length_are_taken",
    "A user and a channel may not have one name, also by a first post; some names are reserved.": "test_errors.ErrorTests.test_names",
    "A text is kept as it is.": "test_habits.MapTests.test_text_is_kept_as_it_is",
    "The board is full at its limits, and goes on for those whom it knows.": "tests.core.board.test_board.Refusals.test_a_full_board_registers_nobody_more_and_goes_on_for_the_others",
    "Too many requests are refused at once: sobrecarregado.": "tests.roles.test_broker.OnSockets.test_overload",
    # Publications.
    "A publication is two shapes in one, the same post as in the history.": (
        "test_publications.PublicationTests.test_a_post_is_published_as_the_history_has_it",
        "test_publications.PublicationTests.test_a_private_message_is_published_under_its_receiver",
    ),
    "With --publications flat it is one.": "tests.core.server.test_publisher.PublisherTests.test_flat",
    "A time that was sent in another form goes along as enviado.": "test_publications.PublicationTests.test_the_form_in_which_a_time_was_sent_goes_along",
    "seq has no gaps; clocks rise; recebido never falls.": "test_publications.PublicationTests.test_posts_come_once_each_and_their_clocks_rise",
    "A publication without message is a bell.": "tests.core.wire.test_publications.Posts.test_a_bell_has_no_text",
    "Topics match by prefix.": "test_publications.PublicationTests.test_topics_match_by_prefix_so_that_the_longer_name_arrives_too",
    "What is no post has a topic that begins with a zero byte.": (
        "test_tolerance.PublicationTests.test_nothing_but_posts_comes_under_a_name",
        "test_publications.PublicationTests.test_the_head_beacon_names_the_last_post_of_a_channel_and_of_an_inbox",
    ),
    "Topic servers announces a new leader.": "test_servers.AnyServerTests.test_a_new_leader_is_announced",
    # The reference, as a server of another team's asks it.
    "The same name has the same rank, in the request's envelope.": (
        "test_tolerance.ReferenceTests.test_a_name_gets_the_same_rank_in_either_envelope_and_encoding",
        "tests.roles.test_reference.ReferenceTests.test_ranks_outlive_the_process",
    ),
    "list has name, rank and endereco of who is alive.": (
        "test_tolerance.ReferenceTests.test_the_list_has_who_is_alive",
        "tests.core.reference.test_coordinator.ListTests.test_three_silent_intervals_and_the_return_with_the_same_rank",
    ),
    "heartbeat is OK, or unknown.": "test_tolerance.ReferenceTests.test_a_heartbeat_is_ok_or_unknown_until_the_rank_was_asked_for",
    "clock is the time.": "test_tolerance.ReferenceTests.test_the_clock_is_the_time_in_seconds",
    "What it does not know it answers, too.": "test_tolerance.ReferenceTests.test_what_it_does_not_know_is_an_error_and_no_silence",
    # Replication is nobody's but the servers'.
    "A client's replicado is refused, stores nothing, and is logged.": (
        "test_errors.ErrorTests.test_a_claim_of_replication_is_refused",
        "tests.core.server.test_replica.ReplicaTests.test_a_claim_of_replication_is_refused_and_told_in_the_log",
    ),
    "A frame between servers says replicado.": "tests.core.wire.test_peers.RefusalTests.test_a_frame_that_does_not_say_replicado",
    # Limits.
    "A request has one body frame.": "test_errors.ErrorTests.test_several_body_frames_are_answered",
    "Up to 1 MiB it is read, up to 4 MiB answered.": (
        "test_errors.ErrorTests.test_a_request_just_below_the_limit_is_read",
        "test_errors.ErrorTests.test_what_cannot_be_decoded_is_answered",
    ),
    "Above 4 MiB the connection is cut, and no other.": "test_errors.ErrorTests.test_a_frame_that_is_far_too_long_costs_the_connection_and_no_more",
    "Nesting and values are bounded before anything is built.": (
        "tests.core.test_codec.MessagePack.test_nothing_is_built_from_declared_sizes",
        "tests.core.test_codec.Json.test_items_are_bounded",
    ),
    # What is not met, and is said to be not.
    "Publications are MessagePack, for readers of JSON too.": "test_tolerance.PublicationTests.test_publications_are_messagepack_whatever_the_requests_are",
    "The type of a private message is user.": "test_tolerance.PublicationTests.test_the_type_of_a_private_message_is_user",
}
"""Rule → its test or tests; those without a package are of this one."""


def found(name: str) -> bool:
    """Whether there is a test of this name."""
    path = name if name.startswith("tests.") else f"tests.interop.{name}"
    module, case, method = path.rsplit(".", 2)
    test_class = getattr(importlib.import_module(module), case, None)
    is_case = isinstance(test_class, type) and issubclass(test_class, unittest.TestCase)
    return is_case and callable(getattr(test_class, method, None))


class EveryRuleTests(SynchronousTestCase):
    def test_each_rule_has_a_test(self):
        named = [name for tests in RULES.values() for name in ((tests,) if isinstance(tests, str) else tests)]
        self.assertEqual([name for name in named if not found(name)], [])
