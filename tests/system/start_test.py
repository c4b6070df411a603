"""Goal: the command line starts in milliseconds on a login node. Method: what is linked, not the clock: `strata` needs
neither libtorch nor MPI; every command teaches how it is used."""
import re
import subprocess

import branch


class StartTest(branch.BranchTest):
    def test_strata_links_neither_libtorch_nor_mpi(self):
        linked = subprocess.run(["ldd", branch.STRATA], capture_output=True, text=True, check=True).stdout
        self.assertIn("libgrpc++", linked)
        for library in ["libtorch", "libc10", "libmpi", "libnccl", "libcuda"]:
            self.assertNotIn(library, linked)

    def test_both_programs_find_their_libraries_without_an_environment(self):
        for program in [branch.STRATA, branch.STRATA + "-worker"]:
            done = subprocess.run([program, "--help"], env={}, cwd="/", capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_command_teaches_its_use(self):
        overview = subprocess.run([branch.STRATA, "--help"], capture_output=True, text=True, check=True).stdout
        commands = re.findall(r"^  ([a-z]+) ", overview.split("Subcommands:")[1], re.MULTILINE)
        self.assertLessEqual({"init", "plan", "train", "status", "restore", "generate", "export"}, set(commands))
        for command in commands:
            said = subprocess.run([branch.STRATA, command, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertIn("Usage", said, command)


if __name__ == "__main__":
    branch.main()
