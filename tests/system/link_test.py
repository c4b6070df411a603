"""Goal: a link between ranks and coordinator that dies, heals, lags, is half closed or repeats what was said costs at
most an attempt, never a result. Method: real processes with a TCP proxy between them; 12 steps; the adapter is that of
a run without the proxy, byte for byte, and steps.jsonl has each step once per attempt."""
import collections
import threading
import time

import branch
import processes
import restarts_test
from link_proxy import LinkProxy
from restarts_test import DETECTED, SLOW


class LinkTest(restarts_test.AttemptTest):
    def start_behind_proxy(self, ranks=(0, 1)):
        self.proxy = LinkProxy(self.folder, ranks)
        self.addCleanup(self.proxy.close)
        return self.start_to_checkpoint("--set", f"mpirun={self.proxy.mpirun}")

    def assert_no_attempt_lost(self, run):
        self.assert_finishes(run)
        self.assertEqual(self.journal("lost"), [])
        self.assertGreater(self.proxy.accepted, 0)
        times = collections.Counter((step["epoch"], step["step"]) for step in self.steps())
        self.assertEqual(set(times.values()), {1})

    def in_a_while(self, seconds, act):
        timer = threading.Timer(seconds, act)
        timer.start()
        self.addCleanup(timer.cancel)

    def test_a_link_that_is_dead_for_good(self):
        run = self.start_behind_proxy(ranks=(1,))
        dead = list(processes.workers_of(self.branch))
        self.proxy.hold()
        self.release()
        self.assertRegex(self.assert_attempt_ends(self.held_since, dead), "rank 1 on .* was not heard of for 20 s")
        # The next attempt finds a link that works.
        self.proxy.cut()
        self.proxy.heal()
        self.assert_finishes(run)

    def test_a_rank_behind_a_dead_link_leaves_by_itself(self):
        run = self.start_behind_proxy()
        ranks = processes.ranks_of(self.branch)
        # With mpirun and the coordinator gone as well nobody else can end it.
        struck = time.monotonic()
        self.proxy.hold()
        processes.send(9, run.pid, *processes.mpiruns_of(self.branch))
        run.wait()
        self.release()
        self.wait_until(lambda: all(map(processes.is_dead, ranks)), restarts_test.GONE, "the ranks' end")
        print(f"  left after {time.monotonic() - struck:.1f} s", flush=True)
        self.proxy.cut()
        self.proxy.heal()
        self.assert_finishes()

    def test_a_link_that_is_dead_for_five_seconds(self):
        run = self.start_behind_proxy()
        self.proxy.hold()
        self.release()
        self.in_a_while(5, self.proxy.heal)
        self.assert_no_attempt_lost(run)

    def test_one_way_dead_for_five_seconds(self):
        for direction in ("there", "back"):
            with self.subTest(direction=direction):
                self.fresh_branch(direction)
                run = self.start_behind_proxy()
                self.proxy.hold(direction)
                self.release()
                self.in_a_while(5, self.proxy.heal)
                self.assert_no_attempt_lost(run)

    def test_a_link_that_lags(self):
        run = self.start_behind_proxy()
        self.proxy.delay = 0.3
        self.release()
        self.assert_no_attempt_lost(run)

    def test_connections_half_closed(self):
        for direction in ("there", "back"):
            with self.subTest(direction=direction):
                self.fresh_branch(direction)
                run = self.start_behind_proxy()
                for _ in range(5):
                    self.proxy.half_close(direction)
                    self.release()
                    time.sleep(0.2)
                self.assert_no_attempt_lost(run)

    def test_connections_reset_again_and_again(self):
        run = self.start_behind_proxy()
        while run.poll() is None and len(self.steps()) < restarts_test.STEPS:
            accepted, done = self.proxy.accepted, len(self.steps())
            self.proxy.cut()
            self.hold_when(lambda: run.poll() is not None or (self.proxy.accepted > accepted and len(self.steps()) > done),
                           60, "a new connection, and a step")
        self.release()
        self.assert_no_attempt_lost(run)
        self.assertGreater(self.proxy.accepted, 4)

    def test_answers_that_are_lost_make_the_worker_say_it_again(self):
        run = self.start_behind_proxy()
        while run.poll() is None and len(self.steps()) < restarts_test.STEPS:
            # What is said arrives, the answer does not.
            self.proxy.hold("back")
            self.release()
            time.sleep(0.4)
            self.proxy.cut()
            self.proxy.heal()
            time.sleep(0.4)
        self.assert_no_attempt_lost(run)

    def test_an_old_connection_dead_while_a_new_one_works(self):
        """Half open: neither end is told. The worker misses it and connects anew within its lease."""
        run = self.start_behind_proxy(ranks=(1,))
        accepted = self.proxy.accepted
        self.proxy.forget()
        self.release()
        self.wait_until(lambda: self.proxy.accepted > accepted or run.poll() is not None, DETECTED, "a new connection")
        self.assert_no_attempt_lost(run)
        self.assertGreater(self.proxy.accepted, accepted)


if __name__ == "__main__":
    branch.main()
