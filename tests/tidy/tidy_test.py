"""Goal: tidy.py is not blind. Method: a small clean tree, into which each case plants one breach; that one, and nothing
else, must be found."""
import pathlib
import tempfile
import unittest

import tidy

HEADER = "// A header.\n#pragma once\n"
CLEAN = {
    "CMakeLists.txt": "project(x)\n",
    "README.md": "# x\n",
    ".gitignore": "/build/\n",
    "build/generated/utils.h": "nothing\n",
    "common/json.h": HEADER + "#include <nlohmann/json.hpp>\n",
    "coordinator/config/config.h": HEADER + '#include "absl/status/status.h"\n',
    "coordinator/catalog/catalog.h": HEADER + '#include "coordinator/config/config.h"\n',
    "worker/model/decoder.h": HEADER + "#include <ATen/core/Tensor.h>\n",
    "worker/train/training.h": HEADER + '#include "worker/model/decoder.h"\n',
    "worker/task/task_messages.h": HEADER + '#include "strata/v1/training.pb.h"\n',
    "tests/worker/train/training_test.cc": '#include "worker/train/training.h"\n',
}


class TidyTest(unittest.TestCase):
    def rules_with(self, path, text):
        """The (path, rule) of each finding in the clean tree with one file planted in it."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, content in {**CLEAN, path: text}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content, encoding="utf-8")
            return [(finding[0], finding[2]) for finding in tidy.findings(root)]

    def finds(self, rule, path, text):
        with self.subTest(path=path, text=text):
            self.assertEqual(self.rules_with(path, text), [(path, rule)])

    def test_accepts_the_clean_tree(self):
        self.assertEqual(self.rules_with("README.md", "# x\n"), [])

    def test_finds_a_room_that_includes_a_later_one(self):
        self.finds("room", "coordinator/config/glob.cc", '#include "coordinator/catalog/catalog.h"\n')
        self.finds("room", "worker/model/frozen.cc", '#include "worker/train/training.h"\n')
        self.finds("room", "common/ids.cc", '#include "coordinator/config/config.h"\n')

    def test_finds_a_field_without_a_comment(self):
        message = 'syntax = "proto3";\nmessage A {\n%s}\n'
        for field in ["  uint32 a = 1;\n", "  repeated B.C a = 1;\n", "  // Of b.\n  int64 b = 1;  // b\n  int64 c = 2;\n"]:
            self.finds("field", "proto/a.proto", message % field)
        said = "  uint32 a = 1;  // a\n  // b\n  int64 b = 2;\n"
        self.assertEqual(self.rules_with("proto/a.proto", message % said), [])

    def test_finds_sides_that_meet(self):
        self.finds("room", "coordinator/core/core.cc", '#include "worker/task/task_messages.h"\n')
        self.finds("room", "worker/task/main.cc", '#include "coordinator/config/config.h"\n')

    def test_finds_a_room_that_is_not_in_the_table(self):
        self.finds("room", "coordinator/attic/attic.cc", '#include "coordinator/config/config.h"\n')

    def test_finds_a_source_that_includes_a_test(self):
        self.finds("room", "worker/task/main.cc", '#include "tests/worker/train/training_test.cc"\n')

    def test_finds_each_library_outside_its_door(self):
        headers = ["<yaml-cpp/yaml.h>", "<simdjson.h>", "<nlohmann/json.hpp>", "<openssl/evp.h>", "<ATen/ATen.h>",
                   "<torch/torch.h>", "<c10/core/Device.h>", "<mpi.h>", "<nccl.h>", "<CLI/CLI.hpp>", "<fcntl.h>",
                   "<sys/stat.h>", "<unistd.h>", '"google/protobuf/message.h"', '"strata/v1/training.pb.h"', "<grpc/grpc.h>"]
        for header in headers:
            self.finds("door", "coordinator/plan/plan.cc", f"#include {header}\n")
        self.finds("door", "worker/model/frozen.cc", '#include "absl/status/status.h"\n')
        self.finds("door", "coordinator/run/run.cc", "#include <grpcpp/grpcpp.h>\n")

    def test_finds_libtorch_and_rpc_in_one_source(self):
        both = '#include "worker/task/task_messages.h"\n#include "worker/train/training.h"\n'
        self.finds("apart", "worker/task/task_runner.cc", both)

    def test_finds_includes_that_are_not_from_the_top(self):
        self.finds("include", "coordinator/config/glob.cc", '#include "config.h"\n')
        self.finds("include", "coordinator/config/glob.cc", '#include "coordinator/config/gone.h"\n')

    def test_finds_an_unguarded_header(self):
        self.finds("pragma", "common/ids.h", "struct Id;\n")

    def test_finds_names_that_say_nothing(self):
        for name in ["utils.cc", "string_util.cc", "test_helpers.cc", "misc.cc", "run_manager.cc"]:
            self.finds("name", f"common/{name}", "\n")

    def test_finds_marks_of_work_left(self):
        for mark in ["TO" + "DO", "FIX" + "ME", "X" * 3]:
            self.finds("mark", "deploy/setup.sh", f"# {mark}: later\n")

    def test_finds_what_does_not_belong_at_the_top(self):
        self.finds("top", "notes.md", "\n")


if __name__ == "__main__":
    unittest.main()
