"""Goal: the engine alone needs CMake, a compiler and a libtorch, and says what it does without. Method: CMake's real
configuration, with every search for a package forbidden; then all that its programs would be built from, as ninja lists
it, must lie in the tree or in libtorch's folder; and what knows no libtorch is built. Building the rest is gpu-check.sh's
part: it takes minutes.

usage: engine_only_test.py CMAKE TORCH_DIR
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

CMAKE, TORCH = sys.argv[1], pathlib.Path(sys.argv[2])
SOURCE = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ["bin/step_bench", "bin/engine_check"]
# What the full build has and the engine must not.
FOREIGN = re.compile(r"grpc|protobuf|absl|crypto|ssl|yaml|mpi\.|openmpi|simdjson|nlohmann|gtest|gmock|cargo|python")


class EngineOnlyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="strata-engine-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.build = self.root / "build"

    def configure(self, torch, *options):
        names = ["gRPC", "Protobuf", "absl", "OpenSSL", "yaml-cpp", "simdjson", "MPI", "GTest", "Python3", "PkgConfig"]
        return subprocess.run(
            [CMAKE, "-S", str(SOURCE), "-B", str(self.build), "-G", "Ninja", "-DSTRATA_ENGINE_ONLY=ON",
             f"-DSTRATA_TORCH_DIR={torch}", *[f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in names], *options],
            capture_output=True, text=True, timeout=100, check=False)

    def ninja(self, *arguments):
        done = subprocess.run(["ninja", "-C", str(self.build), *arguments], capture_output=True, text=True, timeout=100,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fake_torch(self):
        """A libtorch for the CPU, as far as CMake looks at it."""
        torch = self.root / "libtorch"
        for file in ["include/ATen/ATen.h", "lib/libc10.so", "lib/libtorch_cpu.so"]:
            (torch / file).parent.mkdir(parents=True, exist_ok=True)
            (torch / file).touch()
        return torch

    def test_is_built_from_the_tree_and_libtorch(self):
        done = self.configure(TORCH)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        commands = self.ninja("-t", "commands", *PROGRAMS).replace(str(TORCH.parent), "").replace(str(SOURCE), "")
        self.assertIn("stage_trainer.cc", commands)
        self.assertIn("engine_check.cc", commands)
        self.assertIsNone(FOREIGN.search(commands))
        self.ninja("strata_shapes")

    def test_a_libtorch_without_cuda_makes_an_engine_for_the_cpu(self):
        done = self.configure(self.fake_torch())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("this libtorch has no CUDA: the engine is built for the CPU alone", done.stdout)
        self.assertNotIn("cuda", self.ninja("-t", "commands", *PROGRAMS).replace(str(SOURCE), ""))

    def test_a_libtorch_with_cuda_and_no_toolkit_says_what_to_do(self):
        torch = self.fake_torch()
        (torch / "lib/libtorch_cuda.so").touch()
        done = self.configure(torch, *[f"-DSTRATA_{name}=STRATA-NOTFOUND" for name in ["NVCC", "CUDART"]],
                              "-DSTRATA_CUDA_INCLUDE=STRATA-NOTFOUND")
        if (pathlib.Path("/usr/local/cuda/include/crt/host_defines.h")).exists():
            self.skipTest("this machine has a toolkit")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("STRATA_CUDA_INCLUDE", done.stderr)
        self.assertIn("cuda-toolkit[crt,cccl]", done.stderr)

    def test_no_libtorch_is_said(self):
        done = self.configure(self.root / "nowhere")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no libtorch at", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
