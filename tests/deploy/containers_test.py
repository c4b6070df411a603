"""Goal: the container files are what their tools take, as far as can be told without them: known instructions, shell
that parses, files that exist, stages that are defined. Method: both files are read here, each by its own few rules."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What a build needs of the source tree's top.
SOURCES = {"CMakeLists.txt", "README.md", "common", "coordinator", "deploy", "proto", "worker"}
INSTRUCTIONS = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "ENTRYPOINT", "CMD"}
SECTIONS = {"files", "post", "environment", "runscript", "help"}


def instructions():
    """(instruction, arguments) of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", "", (ROOT / "deploy/Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def stages():
    """Of strata.def: per stage its header and its sections' lines."""
    found = []
    for line in (ROOT / "deploy/strata.def").read_text().splitlines():
        if line.startswith("Bootstrap:"):
            found.append(({}, []))
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("%"):
            found[-1][1].append((line[1:], []))
        elif found[-1][1]:
            found[-1][1][-1][1].append(line)
        else:
            key, value = line.split(":", 1)
            found[-1][0][key] = value.strip()
    return found


def scripts_in(shell):
    return re.findall(r"(?:^|\s)(deploy/\S+\.sh)", shell)


class ContainersTest(unittest.TestCase):
    def assert_shell(self, text):
        checked = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, f"{text}\n{checked.stderr}")
        for script in scripts_in(text):
            self.assertTrue((ROOT / script).stat().st_mode & 0o111, script)

    def test_docker_copies_what_exists_from_stages_that_do(self):
        named, copied = set(), set()
        for instruction, arguments in instructions():
            self.assertIn(instruction, INSTRUCTIONS)
            words = arguments.split()
            if instruction == "FROM":
                self.assertEqual(words[0], "debian:12-slim")
                named.update(words[2:])
            elif instruction == "COPY" and words[0].startswith("--from="):
                self.assertIn(words[0].split("=")[1], named)
            elif instruction == "COPY":
                copied.update(words[:-1])
        self.assertEqual(copied, SOURCES)

    def test_docker_runs_shell_that_parses(self):
        runs = [arguments for instruction, arguments in instructions() if instruction == "RUN"]
        for shell in runs:
            self.assert_shell(shell)
        self.assertIn("deploy/setup.sh", scripts_in(" ".join(runs)))

    def test_apptainer_takes_files_that_exist_and_stages_that_do(self):
        named, taken = set(), set()
        for header, sections in stages():
            self.assertEqual((header["Bootstrap"], header["From"]), ("docker", "debian:12-slim"))
            for title, lines in sections:
                words = title.split()
                self.assertIn(words[0], SECTIONS)
                if words[1:]:
                    self.assertEqual((words[1], words[2] in named), ("from", True))
                elif words[0] == "files":
                    taken.update(line.split()[0] for line in lines)
            named.add(header["Stage"])
        self.assertEqual(taken, SOURCES)

    def test_apptainer_runs_shell_that_parses(self):
        for _, sections in stages():
            for title, lines in sections:
                if title in ("post", "environment", "runscript"):
                    self.assert_shell("\n".join(lines))

    def test_what_they_copy_is_all_that_a_build_reads(self):
        for source in SOURCES:
            self.assertTrue((ROOT / source).exists(), source)
        rooms = re.findall(r"^\s*add_subdirectory\((\w+)\)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
        self.assertLessEqual(set(rooms) - {"tests"}, SOURCES)


if __name__ == "__main__":
    unittest.main()
