import signal

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.supervision.policy import (
    DELAY_MAX,
    FIRST_DELAY,
    KILL_AFTER,
    LOOK_OFTEN,
    LOOK_SELDOM,
    RAN_WELL,
    SCREEN_AFTER,
    Death,
    Finish,
    Health,
    Policy,
    Say,
    Show,
    Signal,
    Spawn,
)

KILLED = Death(None, signal.SIGKILL)
READY = Health(ready=True)
LEADS = Health(ready=True, leads=True)


class Case(SynchronousTestCase):
    names = ("broker", "server1", "server2")

    def setUp(self):
        self.now = 0.0
        self.pids = iter(range(100, 10_000))
        self.pid = {}
        self.policy = Policy(self.names, self.now)

    def act(self):
        """Carry out what the policy wants; spawning succeeds."""
        done = []
        while actions := self.policy.ready():
            for action in actions:
                if isinstance(action, Spawn):
                    self.pid[action.name] = next(self.pids)
                    self.policy.spawned(action.name, self.pid[action.name], self.now)
                done.append(action)
        return done

    def after(self, seconds):
        self.now += seconds
        self.policy.tick(self.now)
        return self.act()

    def end(self, name, death=KILLED):
        self.policy.ended(name, death, self.now)
        return self.act()

    def tell(self, name, health):
        self.policy.healthy(name, health, self.now)
        return self.act()

    def run_up(self):
        self.act()
        self.tell("broker", READY)
        self.tell("server1", LEADS)
        return self.tell("server2", READY)


class StartTests(Case):
    def test_all_start_at_once(self):
        self.assertEqual(self.act(), [Spawn(name) for name in self.names])
        self.assertEqual(self.after(1), [])

    def test_the_screen_is_shown_when_all_are_ready_and_one_leads(self):
        self.assertEqual(self.run_up(), [Show()])
        self.assertEqual(self.policy.leader, "server1")
        self.assertEqual(self.after(SCREEN_AFTER), [])

    def test_a_screen_that_was_early_is_completed_once(self):
        self.act()
        self.tell("broker", READY)
        self.assertEqual(self.after(SCREEN_AFTER), [Show()])
        self.tell("server1", LEADS)
        told = self.tell("server2", READY)
        self.assertEqual(told[-1], Say("All roles are ready now."))
        self.end("server2")
        self.after(FIRST_DELAY)
        self.assertNotIn(told[-1], self.tell("server2", READY))

    def test_the_screen_waits_for_a_leader(self):
        self.act()
        for name in self.names:
            self.assertEqual(self.tell(name, READY), [])
        self.assertEqual(self.tell("server2", LEADS), [Show()])

    def test_the_screen_is_shown_in_time_whatever_is_missing(self):
        self.act()
        self.assertEqual(self.after(SCREEN_AFTER), [Show()])
        self.assertEqual(self.tell("broker", READY), [Say("broker is ready (pid 100).")])
        self.assertEqual(
            self.tell("server1", LEADS), [Say("server1 is ready (pid 101)."), Say("server1 leads now.")]
        )


class DeathTests(Case):
    def setUp(self):
        super().setUp()
        self.run_up()
        self.now += RAN_WELL

    def test_one_sentence_and_a_new_start(self):
        self.assertEqual(
            self.end("server2"),
            [Say("server2 (pid 102) was ended by SIGKILL.  It starts again in 0.25 s.")],
        )
        self.assertEqual(self.after(FIRST_DELAY - 0.01), [])
        self.assertEqual(self.after(0.01), [Spawn("server2")])
        self.assertEqual(self.tell("server2", READY), [Say("server2 is ready again (pid 103).")])

    def test_who_is_not_ready_for_a_while_is_no_news(self):
        self.tell("server2", Health(ready=False))
        self.assertEqual(self.tell("server2", READY), [])

    def test_the_wait_doubles_up_to_its_bound(self):
        delays = []
        for _ in range(10):
            said = self.end("broker")
            begun = self.now
            while Spawn("broker") not in self.after(FIRST_DELAY):
                pass
            delays.append(self.now - begun)
        self.assertEqual(delays, [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30])
        self.assertEqual(said, [], "at its bound the same end is not told again and again")

    def test_running_well_resets_the_wait(self):
        for _ in range(4):
            self.end("broker")
            self.after(DELAY_MAX)
        self.now += RAN_WELL
        self.assertIn("0.25 s", self.end("broker")[0].sentence)

    def test_a_refusal_is_shown_once_in_full(self):
        refusal = Death(1, None, "bulletin-server: The directory is damaged.")
        self.assertEqual(
            self.end("server1", refusal),
            [
                Say(
                    "server1 (pid 101) ended with status 1: bulletin-server: The directory is damaged.  "
                    "It starts again in 0.25 s."
                )
            ],
        )
        self.after(1)
        self.assertEqual(
            self.end("server1", refusal),
            [Say("server1 (pid 103) ended in the same way again.  It starts again in 0.5 s.")],
        )
        self.after(1)
        self.assertIn("SIGKILL", self.end("server1", KILLED)[0].sentence)

    def test_what_cannot_be_started_is_tried_again(self):
        self.end("broker")
        self.now += 1
        self.policy.tick(self.now)
        self.assertEqual(self.policy.ready(), (Spawn("broker"),))
        self.assertEqual(
            self.end("broker", Death(None, None, "cannot be started: Too many open files")),
            [Say("broker cannot be started: Too many open files.  It starts again in 0.5 s.")],
        )
        self.assertEqual(self.after(0.5), [Spawn("broker")])

    def test_signals_without_a_name(self):
        self.assertEqual(str(Death(None, 64)), "was ended by SIGRTMAX")
        self.assertEqual(str(Death(None, 50)), "was ended by signal 50")


class AskTests(Case):
    def asked(self, seconds):
        self.now += seconds
        return [child.name for child in self.policy.to_ask(self.now)]

    def test_often_until_all_is_well_and_seldom_then(self):
        self.act()
        self.assertEqual(self.asked(0), list(self.names))
        self.assertEqual(self.asked(LOOK_OFTEN / 2), [])
        self.assertEqual(self.asked(LOOK_OFTEN / 2), list(self.names))
        self.run_up()
        self.assertEqual(self.asked(LOOK_OFTEN), [])
        self.assertEqual(self.asked(LOOK_SELDOM), list(self.names))

    def test_often_after_a_death(self):
        self.run_up()
        self.asked(LOOK_SELDOM)
        self.end("broker")
        self.after(1)
        self.assertEqual(self.asked(0), ["broker"])
        self.assertEqual(self.asked(LOOK_OFTEN), ["broker"])

    def test_everybody_often_while_nobody_leads(self):
        self.run_up()
        self.asked(LOOK_SELDOM)
        self.end("server1")
        self.assertEqual(self.asked(LOOK_OFTEN), ["broker", "server2"])


class LeaderTests(Case):
    def setUp(self):
        super().setUp()
        self.run_up()

    def test_a_change_is_one_sentence(self):
        self.assertEqual(self.tell("server2", LEADS), [], "two say so for a moment")
        self.assertEqual(self.tell("server1", READY), [Say("server2 leads now.")])
        self.assertEqual(self.tell("server1", READY), [])

    def test_the_leaders_death(self):
        self.end("server1")
        self.assertIsNone(self.policy.leader)
        self.assertEqual(self.tell("server2", LEADS), [Say("server2 leads now.")])

    def test_a_leader_that_says_nothing_leads_as_far_as_is_known(self):
        self.tell("server1", Health(ready=False))
        self.assertEqual(self.policy.leader, "server1")


class StopTests(Case):
    def stop(self):
        self.policy.stop(self.now)
        return self.act()

    def test_a_clean_stop(self):
        self.run_up()
        self.assertEqual(
            self.stop(), [Say("Stopping."), *(Signal(name, signal.SIGTERM) for name in self.names)]
        )
        self.assertEqual(self.end("broker", Death(0)), [])
        self.assertEqual(self.end("server1", Death(0)), [])
        self.assertEqual(self.end("server2", KILLED), [Say("All of it has stopped."), Finish()])
        self.assertEqual(self.after(KILL_AFTER), [])

    def test_who_does_not_stop_is_killed_once(self):
        self.run_up()
        self.stop()
        self.end("broker", Death(0))
        self.end("server2", Death(0))
        self.assertEqual(self.after(KILL_AFTER - 0.1), [])
        self.assertEqual(
            self.after(0.1),
            [
                Say("server1 (pid 101) did not stop in time and is killed."),
                Signal("server1", signal.SIGKILL),
            ],
        )
        self.assertEqual(self.after(1), [])
        self.assertEqual(self.end("server1"), [Say("All of it has stopped."), Finish()])

    def test_who_waits_to_be_started_is_started_no_more(self):
        self.run_up()
        for name in self.names:
            self.end(name)
        self.assertEqual(self.stop(), [Say("Stopping."), Say("All of it has stopped."), Finish()])
        self.assertEqual(self.after(DELAY_MAX), [])

    def test_what_was_about_to_be_started_is_not(self):
        self.assertEqual(self.stop(), [Say("Stopping."), Say("All of it has stopped."), Finish()])

    def test_a_second_stop_changes_nothing(self):
        self.run_up()
        self.stop()
        self.assertEqual(self.stop(), [])

    def test_nobody_is_said_to_be_ready_while_stopping(self):
        self.run_up()
        self.stop()
        self.assertEqual(self.tell("server2", LEADS), [])


class ScheduleTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(
        st.lists(st.tuples(st.sampled_from(Case.names), st.sampled_from(["end", "ready", "leads", "wait"])))
    )
    def test_nobody_runs_twice_and_a_stop_always_finishes(self, steps):
        case = Case("setUp")
        case.setUp()
        case.act()
        for name, step in steps:
            running = {child.name for child in case.policy.children if child.pid is not None}
            if step == "end" and name in running:
                case.end(name)
            elif step == "wait":
                case.after(0.3)
            else:
                case.tell(name, Health(ready=True, leads=step == "leads"))
        case.policy.stop(case.now)
        done = case.act()
        for child in case.policy.children:
            if child.pid is not None:
                done += case.end(child.name)
        self.assertEqual(done.count(Finish()), 1)
        self.assertFalse([action for action in done + case.after(DELAY_MAX) if isinstance(action, Spawn)])
