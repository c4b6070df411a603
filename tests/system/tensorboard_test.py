"""Goal: TensorBoard shows a run's curves as they were: each update once, also of a run that lost an attempt and one that
was killed. Method: real runs; their event files through TensorBoard's own reader, beside steps.jsonl."""
import json
import signal
import struct

import branch
import processes
from restarts_test import SLOW, STEPS, AttemptTest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

BOARD = ("--set", "report_to=[tensorboard]")
TAGS = {"train/loss", "train/learning_rate", "train/grad_norm", "train/epoch", "train/stage", "train/step_seconds",
        "train/tokens_per_second"}


def as_float32(number):
    return struct.unpack("f", struct.pack("f", number))[0]


class TensorBoardTest(AttemptTest):
    def read(self, folder):
        board = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        board.Reload()
        return board

    def board_folder(self):
        return sorted((self.branch / "runs").glob("*/tensorboard"))[-1]

    def numbers(self):
        """The number of each update of a plan, from 1, by its place."""
        plan = json.loads(next((self.branch / "runs").glob("*/plan.json")).read_text())
        numbers, number = {}, 0
        for stage, planned in enumerate(plan["stages"]):
            for epoch, steps in enumerate(planned["steps"]):
                for step in range(steps):
                    number += 1
                    numbers[stage, epoch, step] = number
        return numbers

    def assert_shows(self, board, lines):
        """Every update once, as the last line that tells of it has it."""
        numbers = self.numbers()
        last = {numbers[line["stage"], line["epoch"], line["step"]]: line for line in lines if "loss" in line}
        for tag, key in (("train/loss", "loss"), ("train/learning_rate", "learning_rate"),
                         ("train/grad_norm", "grad_norm"), ("train/step_seconds", "seconds")):
            shown = board.Scalars(tag)
            self.assertEqual([event.step for event in shown], sorted(last))
            self.assertEqual([event.value for event in shown], [as_float32(last[n][key]) for n in sorted(last)])
            self.assertEqual([event.wall_time for event in shown], [last[n]["time"] for n in sorted(last)])

    def test_the_curves_of_two_stages_with_held_out_rows(self):
        self.drop("premium.jsonl", self.lines(end=24))
        self.run_strata("train", *BOARD, "--set", "val_set_size=0.2")
        board = self.read(self.board_folder())
        self.assertEqual(set(board.Tags()["scalars"]), TAGS | {"eval/loss", "eval/runtime"})
        lines = self.steps()
        self.assert_shows(board, lines)
        self.assertEqual(board.Scalars("train/epoch")[-1].value, 2)
        self.assertEqual({event.value for event in board.Scalars("train/stage")}, {0, 1})
        numbers = self.numbers()
        evaluated = [(numbers[line["stage"], line["epoch"], line["step"]], as_float32(line["eval_loss"]))
                     for line in lines if "eval_loss" in line]
        self.assertGreater(len(evaluated), 1)
        self.assertEqual([(event.step, event.value) for event in board.Scalars("eval/loss")], evaluated)

    def last(self):
        step = self.steps()[-1]
        return step["attempt"], step["epoch"], step["step"]

    def test_what_is_done_again_is_shown_once(self):
        arguments = (*SLOW, *BOARD, "--set", "save_steps=4")
        run = self.start(*arguments)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.hold_when(lambda: self.journal("checkpoint") and len(self.steps()) >= 6, 120, "a step beyond a checkpoint")
        self.strike(signal.SIGKILL, processes.ranks_of(self.branch)[1])
        self.hold_when(lambda: self.last() >= (2, 1, 3), 120, "the next attempt's steps beyond it")
        run.kill()
        run.wait()
        self.release()
        # Flushed as the run went: all but what the kill met on its way.
        told = {event.step for event in self.read(self.board_folder()).Scalars("train/loss")}
        self.assertGreaterEqual(len(told), len(self.losses(self.branch)) - 2)
        self.run_strata("train", *arguments)
        lines = self.steps()
        self.assertGreater(len(lines), STEPS, "no step was done again")
        self.assertEqual(len(list(self.board_folder().iterdir())), 2, "a run that goes on begins a file of its own")
        board = self.read(self.board_folder())
        self.assertEqual([event.step for event in board.Scalars("train/loss")], list(range(1, STEPS + 1)))
        self.assert_shows(board, lines)

    def test_the_folder_is_where_the_user_wants_it_and_none_unasked(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.assertFalse(list((self.branch / "runs").glob("*/tensorboard")))
        self.run_strata("train", "--all", *BOARD, "--set", "logging_dir=../curves/{branch}/{run}")
        run = sorted((self.branch / "runs").iterdir())[-1].name
        self.assertIn("train/loss", self.read(self.folder_of_curves(run)).Tags()["scalars"])

    def folder_of_curves(self, run):
        return self.folder / "curves/branch" / run


if __name__ == "__main__":
    branch.main()
