"""Goal: a recording is a small picture of what really ran, that stands still where nothing moves. Method: record.py on
shell commands; its SVG is read as XML."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "deploy/record.py"
SVG = "{http://www.w3.org/2000/svg}"


class RecordTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="strata-record-")
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / "a.svg"

    def record(self, script, *options, code=0):
        command = [sys.executable, str(PROGRAM), "--out", str(self.out), "--columns", "40", "--rows", "6", *options,
                   "--", "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return xml.etree.ElementTree.parse(self.out).getroot()

    def frames(self, svg):
        """The rows of each frame, as (text or None for a drawn bar) by its y within the strip."""
        lines = {group.get("id"): "".join(group.itertext()) for group in svg.find(SVG + "defs")}
        strip = int(svg.find(SVG + "svg").get("height"))
        frames = {}
        for use in svg.iter(SVG + "use"):
            frames.setdefault(int(use.get("y")) // strip, []).append(lines[use.get("href")[1:]])
        return [frames[i] for i in sorted(frames)]

    def test_the_last_frame_is_what_shows_where_nothing_moves(self):
        svg = self.record("echo one; sleep 0.2; echo two", "--prompt", "demo")
        frames = self.frames(svg)
        self.assertEqual([line.replace(" ", "") for line in frames[-1]], ["$demo", "one", "two"])
        strip = int(svg.find(SVG + "svg").get("height"))
        still = svg.find(f"{SVG}svg/{SVG}g").get("transform")
        self.assertEqual(still, f"translate(0,-{(len(frames) - 1) * strip})")
        style = svg.find(SVG + "style").text
        self.assertEqual(style.count("{transform:"), len(frames))
        self.assertIn("forwards", style)

    def test_a_long_run_has_few_frames_and_bytes(self):
        svg = self.record("for i in $(seq 300); do echo line $i; sleep 0.005; done")
        self.assertLessEqual(len(self.frames(svg)), 40)
        self.assertGreater(len(self.frames(svg)), 5)
        self.assertLess(self.out.stat().st_size, 200_000)
        self.assertIn("300", self.frames(svg)[-1][-1])

    def test_lines_that_are_drawn_over_leave_nothing_behind(self):
        svg = self.record(r"printf 'half\r\033[Kwhole\n'")
        self.assertEqual(self.frames(svg)[-1][-1], "whole")

    def test_colours_and_bars_are_kept_and_text_is_escaped(self):
        svg = self.record(r"printf '\033[32m<ok>\033[0m ━━── ▁█\n'", "--prompt", "demo")
        text = self.out.read_text(encoding="utf-8")
        self.assertIn('fill="#7ddc8a"', text)
        self.assertIn("<ok>", "".join(svg.itertext()))
        self.assertEqual(len(re.findall("<path", text)), 2)
        self.assertNotIn("━", text)

    def test_it_has_the_size_that_was_asked_for_(self):
        svg = self.record("stty size; echo $TERM")
        self.assertIn("6", self.frames(svg)[-1][1])
        self.assertIn("40", self.frames(svg)[-1][1])
        self.assertIn("xterm-256color", self.frames(svg)[-1][2])

    def test_it_exits_as_the_command_does(self):
        self.record("echo bad; exit 3", code=3)


if __name__ == "__main__":
    unittest.main()
