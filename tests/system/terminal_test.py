"""Goal: what people see fits their terminal and suits it. Method: the real program in a pty of several widths and
environments; its output through a terminal emulator, and its bytes as they are."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import unicodedata

import branch
import pyte

CURSOR_CODES = r"\x1b\[[0-9]*[AJK]"
COLOUR_CODES = r"\x1b\[[0-9;]*m"
ROWS = 200
WIDTHS = [60, 80, 120]


def width_of(line):
    return sum(0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
               for sign in line)


class Seen:
    """What a command wrote into a terminal of `columns`."""

    def __init__(self, columns, command, environment):
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        data, ready = b"", True
        while ready:
            ready = select.select([terminal], [], [], 120)[0]
            try:
                part = os.read(terminal, 65536) if ready else b""
            except OSError:
                part = b""
            data += part
            ready = bool(part)
        os.close(terminal)
        self.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.text = data.decode("utf-8")
        self.columns = columns

    def plain(self):
        return re.sub(CURSOR_CODES + "|" + COLOUR_CODES, "", self.text)

    def widest(self):
        """Of all that was drawn, also of what was drawn over later."""
        return max(width_of(line) for line in re.split(r"[\r\n]+", self.plain()))

    def screen(self):
        screen = pyte.Screen(self.columns, ROWS)
        pyte.Stream(screen).feed(self.text)
        return [line.rstrip() for line in screen.display if line.strip()]


class TerminalTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.names = ["premium_un_nombre_bastante_largo_de_antropología_y_años.jsonl", "train.jsonl"]
        for i, name in enumerate(self.names):
            self.drop(name, self.lines(begin=10 * i, end=10 * i + 8))

    def see(self, columns, *arguments, **variables):
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "LC_ALL", "LC_CTYPE")}
        environment.update({"TERM": "xterm-256color", "LANG": "C.UTF-8", **variables})
        return Seen(columns, [branch.STRATA, arguments[0], "-C", str(self.branch), *arguments[1:]], environment)

    def train(self, columns, **variables):
        seen = self.see(columns, "train", "--all", "--set", "micro_batch_size=4", **variables)
        self.assertEqual(seen.code, 0, seen.text)
        return seen

    def assert_fits(self, seen):
        self.assertLessEqual(seen.widest(), seen.columns, seen.text)
        self.assertEqual(re.sub(COLOUR_CODES + "|" + CURSOR_CODES, "", seen.text).count("\x1b"), 0, repr(seen.text))

    def test_a_training_fits_every_width_and_leaves_a_line_for_each_stage(self):
        for columns in WIDTHS:
            seen = self.train(columns)
            self.assert_fits(seen)
            screen = "\n".join(seen.screen())
            self.assertEqual(len(re.findall(r"(?m)^✓ +[12]/2 +(?:premium|base) ", screen)), 2, screen)
            self.assertRegex(screen, r"(?m)^v000\d is current")
            self.assertNotIn("━", screen, "a bar was left behind")
            self.assertIn("━", seen.text)

    def test_the_line_of_a_stage_has_the_loss_that_is_reported(self):
        screen = "\n".join(self.train(100).screen())
        history = self.json("history")
        for entry in history[-2:]:
            self.assertIn(f"loss {entry['loss']:.4f}", screen)

    def test_reading_commands_fit_every_width(self):
        self.run_strata("train")
        self.run_strata("train", "--all")
        for columns in WIDTHS:
            for command in [["plan"], ["plan", "--all"], ["status"], ["history"], ["backups"], ["config"]]:
                seen = self.see(columns, *command)
                self.assertEqual(seen.code, 0, seen.text)
                self.assert_fits(seen)
        self.assertIn("…", self.see(60, "history").plain())
        self.assertIn(self.names[0], self.see(140, "history").plain())

    def test_no_color_means_none(self):
        seen = self.train(80, NO_COLOR="1")
        self.assert_fits(seen)
        self.assertNotRegex(seen.text, COLOUR_CODES)
        self.assertRegex(seen.text, CURSOR_CODES)
        for command in ["plan", "status", "history"]:
            self.assertNotIn("\x1b", self.see(80, command, NO_COLOR="1").text)

    def test_a_dumb_terminal_gets_plain_lines_that_fit(self):
        seen = self.train(60, TERM="dumb")
        self.assertNotIn("\x1b", seen.text)
        self.assert_fits(seen)
        self.assertRegex(seen.text, r"stage 1/2 .*: epoch 2/2, loss")

    def test_without_utf8_bars_are_ascii(self):
        seen = self.train(80, LANG="C")
        self.assert_fits(seen)
        self.assertIn("#", seen.text)
        drawn = seen.text.replace("í", "").replace("ñ", "")  # the names are the user's
        self.assertTrue(drawn.isascii(), drawn)

    def test_a_pipe_gets_whole_names_and_no_codes(self):
        said = self.run_strata("train")
        self.assertNotIn("\x1b", said)
        self.assertIn(f"stage 1/2 {self.names[0]}: epoch 1/2, loss", said)
        for number, entry in enumerate(self.json("history"), start=1):
            self.assertIn(f"stage {number}/2 {entry['dataset']}: epoch 2/2, loss {entry['loss']:.4f},", said)
        self.assertIn(self.names[0], self.run_strata("history"))

    def test_an_error_shows_its_parts_in_a_terminal(self):
        (self.branch / "branch.yaml").write_text("model_name_or_path: base\nseed: 1\nseed: 2\n")
        seen = self.see(80, "status")
        self.assertEqual(seen.code, 78)
        self.assertEqual(seen.screen()[0], "strata: seed is set twice")
        self.assertTrue(seen.screen()[1].startswith("  at /"), seen.text)
        self.assertEqual(seen.screen()[-1], "→ keep one")
        self.assertIn("\x1b[31m", seen.text)
        self.assertIn("branch.yaml:3: seed is set twice; keep one", self.run_strata("status", code=78))

    def test_a_hostile_name_cannot_drive_the_terminal(self):
        self.drop("a\x1b[2Jb.jsonl", self.lines())
        self.assertNotIn("\x1b[2J", self.see(80, "plan").text)

    def test_ask_tells_how_far_it_is_and_takes_that_away(self):
        self.train(80)
        (self.branch / "evaluation").mkdir(exist_ok=True)
        (self.branch / "evaluation/questions.jsonl").write_text('{"question": "q", "keywords": ["k"]}\n')
        seen = self.see(80, "ask", "--max-new-tokens", "4")
        self.assertEqual(seen.code, 0, seen.text)
        self.assertIn("answered 2 of 2", seen.text)
        self.assertNotIn("answered", "\n".join(seen.screen()))


if __name__ == "__main__":
    branch.main()
