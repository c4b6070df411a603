"""Goal: strata doctor names what is wrong with a machine or a branch, each with what to do, and goes on past it.
Method: the real program in surroundings that each test spoils for real: programs, limits, disks, locks, files, ranks."""
import fcntl
import json
import os
import resource
import shutil
import subprocess

import branch

CHECKS = ["branch.yaml", "base", "tokenizer", "training", "ledger", "lineage", "run.lock", "disk adapters", "disk .strata",
          "disk runs", "space", "open files", "TMPDIR", "shared memory", "cores", "loopback", "mpirun", "strata-worker",
          "devices", "memory", "all-reduce", "speed"]
STATES = {"ok", "warning", "problem", "not tried"}
# Rank 1 does something else than its work before it, by a shell between mpirun and the worker.
RANK_1 = "mpirun_args: [sh, -c, 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then {}; fi; exec \"$0\" \"$@\"']\n"
SPOILED_MIN = 10
STRATA = os.path.abspath(branch.STRATA)


def can_mount():
    trial = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class DoctorTest(branch.BranchTest):
    spoiled, skipped = set(), set()

    @classmethod
    def tearDownClass(cls):
        if cls.skipped and len(cls.spoiled) < SPOILED_MIN:
            raise AssertionError(f"only {len(cls.spoiled)} spoiled surroundings were tried; skipped: {cls.skipped}")

    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())

    def examine(self, *arguments, program=STRATA, environment=None, before=(), prepare=None, named=True):
        """Every finding by its check; the exit status says whether there is a problem."""
        where = ["-C", str(self.branch)] if named else []
        done = subprocess.run([*before, program, "doctor", *where, "--json", *arguments], capture_output=True, text=True,
                              timeout=120, env={**os.environ, **(environment or {})}, cwd=self.folder, preexec_fn=prepare,
                              check=False)
        self.assertIn(done.returncode, (0, 69), done.stderr)
        findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
        for finding in findings.values():
            self.assertEqual(set(finding), {"check", "state", "found", "remedy"})
            self.assertIn(finding["state"], STATES)
            self.assertEqual(bool(finding["remedy"]), finding["state"] in ("warning", "problem"), finding)
            self.assertTrue(finding["found"], finding)
        problems = [finding for finding in findings.values() if finding["state"] == "problem"]
        self.assertEqual(done.returncode, 69 if problems else 0, problems)
        return findings

    def expect(self, findings, check, state, *words, others=()):
        """`check` is in `state` and says `words` in what was found or in its remedy; it and `others` alone are problems."""
        finding = findings[check]
        self.assertEqual(finding["state"], state, finding)
        for word in words:
            self.assertIn(word, finding["found"] + " -> " + finding["remedy"])
        problems = {name for name, other in findings.items() if other["state"] == "problem"}
        self.assertEqual(problems - {check, *others}, set(), [findings[name] for name in problems])
        type(self).spoiled.add(self.id())

    def expect_not_tried(self, findings, reason, *checks):
        for check in checks:
            self.assertEqual((findings[check]["state"], findings[check]["found"]), ("not tried", f"see {reason}"))

    def need_mounts(self):
        if not can_mount():
            type(self).skipped.add(self.id())
            self.skipTest("may not mount here")

    def configure(self, extra="", settings=branch.SETTINGS):
        (self.branch / "branch.yaml").write_text(settings + extra)

    def script(self, name, text):
        script = self.folder / name
        script.write_text("#!/bin/sh\n" + text)
        script.chmod(0o755)
        return script

    def starts_nobody(self):
        """An mpirun that is there, and fails as soon as it is to start something."""
        real = shutil.which("mpirun")
        fails = f'[ "$1" = --version ] && exec {real} --version\necho no daemon for this job: failed >&2; exit 9'
        return self.script("mpirun", fails)

    def copy_programs(self, *names):
        (self.folder / "bin").mkdir()
        for name in names:
            shutil.copy(os.path.join(os.path.dirname(STRATA), name), self.folder / "bin" / name)
        return str(self.folder / "bin/strata")

    # What is well.

    def test_a_healthy_machine_has_no_problem_and_is_left_as_it_was(self):
        before = sorted(str(path) for path in self.branch.rglob("*"))
        findings = self.examine("--ranks", "2")
        self.assertEqual([check for check in findings if check != "proxy"], CHECKS)
        states = {check: finding["state"] for check, finding in findings.items()}
        self.assertFalse({"problem", "not tried"} & set(states.values()), findings)
        self.assertRegex(findings["all-reduce"]["found"], r"2 ranks on .* ms, .*B/s, sums right")
        self.assertRegex(findings["speed"]["found"], r"\d+ GFLOP/s in float32, \d+ in bfloat16")
        self.assertRegex(findings["mpirun"]["found"], r"Open MPI.* 4\.")
        self.assertRegex(findings["strata-worker"]["found"], r"libtorch \d+\.\d+")
        after = {str(path) for path in self.branch.rglob("*")} - set(before)
        self.assertEqual({os.path.relpath(path, self.branch) for path in after},
                         {".strata", ".strata/base_sha256.json"} & {os.path.relpath(path, self.branch) for path in after})

    def test_without_a_branch_the_machine_is_examined_alone(self):
        findings = self.examine(named=False)
        self.assertEqual(findings["branch.yaml"]["state"], "not tried")
        self.assertNotIn("base", findings)
        self.assertNotIn("space", findings)
        self.assertEqual(findings["all-reduce"]["state"], "ok")
        self.assertIn("2 ranks", findings["all-reduce"]["found"])

    def test_the_printed_list_names_each_state_in_words(self):
        self.configure("mpirun: no-such-mpirun\n")
        said = self.run_strata("doctor", code=69)
        self.assertRegex(said, r"(?m)^problem +mpirun +'no-such-mpirun'")
        self.assertRegex(said, r"(?m)^ +-> apt-get install openmpi-bin")
        self.assertRegex(said, r"(?m)^not tried +all-reduce +see mpirun")
        self.assertRegex(said, r"(?m)^ok +base ")
        self.assertIn(" 1 problem,", said)

    def test_a_proxy_is_harmless_and_seldom_said(self):
        proxy = {"http_proxy": "http://127.0.0.1:9"}
        self.configure("mpirun: no-such-mpirun\n")
        findings = self.examine(environment=proxy)
        self.assertEqual((findings["proxy"]["state"], findings["loopback"]["state"]), ("ok", "ok"))
        said = self.run_strata("doctor", code=69, environment={**os.environ, **proxy})
        self.assertNotIn("http_proxy", said)
        said = self.run_strata("doctor", "--verbose", code=69, environment={**os.environ, **proxy})
        self.assertIn("http_proxy", said)

    # Programs.

    def test_no_mpirun_on_path(self):
        findings = self.examine(environment={"PATH": str(self.folder)})
        self.expect(findings, "mpirun", "problem", "on PATH", "apt-get install openmpi-bin")
        self.expect_not_tried(findings, "mpirun", "all-reduce", "speed")

    def test_an_mpirun_that_fails(self):
        self.configure(f"mpirun: {self.script('mpirun', 'echo its library is missing >&2; exit 3')}\n")
        findings = self.examine()
        self.expect(findings, "mpirun", "problem", "exit status 3", "its library is missing", "mpirun: PATH")

    def test_an_mpirun_of_another_mpi(self):
        self.configure(f"mpirun: {self.script('mpirun', 'echo HYDRA build details:')}\n")
        self.expect(self.examine(), "mpirun", "problem", "not Open MPI", "HYDRA", "apt-get install openmpi-bin")

    def test_an_mpirun_that_answers_but_starts_nobody(self):
        self.configure(f"mpirun: {self.starts_nobody()}\n")
        self.expect(self.examine(), "all-reduce", "problem", "exit status 9", "no daemon for this job", "-> read ")

    def test_no_worker_beside_strata(self):
        findings = self.examine(program=self.copy_programs("strata"))
        self.expect(findings, "strata-worker", "problem", "no program at", "deploy/setup.sh")
        self.expect_not_tried(findings, "strata-worker", "devices", "all-reduce", "speed")

    def test_a_worker_whose_libtorch_is_gone(self):
        program = self.copy_programs("strata", "strata-worker")
        worker = self.folder / "bin/strata-worker"
        bytes_of_worker = worker.read_bytes()
        self.assertIn(b"/torch/lib:", bytes_of_worker)
        worker.write_bytes(bytes_of_worker.replace(b"/torch/lib:", b"/t0rch/lib:"))
        findings = self.examine(program=program)
        self.expect(findings, "strata-worker", "problem", "error while loading shared libraries", "libtorch",
                    "readelf -d", "STRATA_TORCH_DIR")

    def test_a_worker_of_another_system(self):
        program = self.copy_programs("strata")
        (self.folder / "bin/strata-worker").write_bytes(b"\x7fELF" + bytes(60))
        (self.folder / "bin/strata-worker").chmod(0o755)
        self.expect(self.examine(program=program), "strata-worker", "problem", "Exec format error", "another system")

    def test_cuda_is_asked_for_and_no_device_is_there(self):
        self.configure("device: cuda\n")
        findings = self.examine(environment={"CUDA_VISIBLE_DEVICES": ""})
        self.expect(findings, "devices", "problem", "device: cuda", "device: auto")
        self.expect_not_tried(findings, "devices", "all-reduce", "speed")

    # Ranks.

    def test_mpirun_args_that_mpirun_refuses(self):
        self.configure("mpirun_args: [--no-such-flag]\n")
        self.expect(self.examine(), "all-reduce", "problem", "--no-such-flag", "mpirun_args in branch.yaml")

    def test_a_rank_that_never_starts_is_named_when_patience_ends(self):
        self.configure("workers: 2\n" + RANK_1.format("sleep 60"))
        findings = self.examine("--patience", "12")
        self.expect(findings, "all-reduce", "problem", "ended after 12 s", "rank 1 never started", "mpirun_args")
        self.expect_not_tried(findings, "all-reduce", "speed")

    def test_a_rank_that_dies_is_named(self):
        self.configure("workers: 2\n" + RANK_1.format("kill -9 $$"))
        self.expect(self.examine(), "all-reduce", "problem", "exit status 137", "never started", "-> read ")

    def test_more_ranks_than_cores_is_a_warning(self):
        ranks = len(os.sched_getaffinity(0)) + 1
        self.configure(f"mpirun: {self.starts_nobody()}\n")
        findings = self.examine("--ranks", str(ranks))
        self.expect(findings, "cores", "warning", f"for {ranks} ranks", "workers: ", others=["all-reduce"])

    # The branch.

    def test_a_branch_yaml_that_is_broken(self):
        self.configure("lora_alfa: 3\n")
        findings = self.examine("--ranks", "1")
        self.expect(findings, "branch.yaml", "problem", "branch.yaml:11", "lora_alpha", "branch.sample.yaml")
        self.expect_not_tried(findings, "branch.yaml", "base", "tokenizer", "ledger", "run.lock")
        self.assertEqual((findings["disk adapters"]["state"], findings["all-reduce"]["state"]), ("ok", "ok"))

    def test_a_folder_that_is_no_branch(self):
        (self.branch / "branch.yaml").unlink()
        self.expect(self.examine("--ranks", "1"), "branch.yaml", "problem", "no branch.yaml", "strata init")

    def test_a_base_that_is_not_there(self):
        self.configure(settings=branch.SETTINGS.replace("path: base", "path: nowhere"))
        findings = self.examine()
        self.expect(findings, "base", "problem", "nowhere", "model_name_or_path")
        self.expect_not_tried(findings, "base", "tokenizer", "lineage", "memory")
        self.assertEqual(findings["all-reduce"]["state"], "ok")

    def other_base(self):
        """The branch gets a copy of its base, to be changed."""
        base = self.branch / "other"
        shutil.copytree(branch.BASE, base)
        self.configure(settings=branch.SETTINGS.replace("path: base", "path: other"))
        return base

    def test_a_base_of_another_architecture(self):
        config = self.other_base() / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "architectures": ["MixtralForCausalLM"]}))
        self.expect(self.examine(), "base", "problem", "MixtralForCausalLM", "LlamaForCausalLM")

    def test_a_base_without_a_tokenizer(self):
        (self.other_base() / "tokenizer.json").unlink()
        self.expect(self.examine(), "tokenizer", "problem", "tokenizer.json", "put the base's own")

    def test_no_training_folder(self):
        shutil.rmtree(self.branch / "training")
        self.expect(self.examine(), "training", "problem", "no folder", "mkdir -p")

    def test_a_ledger_that_was_changed_by_hand(self):
        self.run_strata("train")
        self.assertEqual(self.examine()["lineage"]["state"], "ok")
        (self.adapters() / "ledger.jsonl").write_text("forged\n")
        findings = self.examine()
        self.expect(findings, "ledger", "problem", "the ledger is damaged", "put ledger.jsonl back")
        self.expect_not_tried(findings, "ledger", "lineage")

    def test_settings_that_do_not_continue_the_adapter(self):
        self.run_strata("train")
        self.configure(settings=branch.SETTINGS.replace("lora_alpha: 16", "lora_alpha: 32"))
        self.expect(self.examine(), "lineage", "problem", "trained with 8 and 16", "put back")

    def test_a_link_that_leads_elsewhere(self):
        self.run_strata("train")
        (self.adapters() / "current").unlink()
        (self.adapters() / "current").symlink_to("elsewhere")
        self.expect(self.examine(), "ledger", "problem", "does not lead to v0001", "strata verify")

    def test_a_training_that_holds_the_branch_is_named(self):
        (self.branch / ".strata").mkdir()
        with open(self.branch / ".strata/run.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.expect(self.examine(), "run.lock", "warning", f"kill {os.getpid()}")

    # The disk and the limits.

    def test_a_file_where_the_adapters_folder_must_be(self):
        (self.branch / "adapters").write_text("")
        findings = self.examine()
        self.expect(findings, "disk adapters", "problem", "is no folder", f"mv {self.branch}/adapters", others=["ledger"])
        self.assertEqual(findings["disk runs"]["state"], "ok")

    def test_adapters_on_a_read_only_disk(self):
        self.need_mounts()
        self.adapters().mkdir(parents=True)
        mount = f"mount --bind {self.adapters()} {self.adapters()} && mount -o remount,ro,bind {self.adapters()}"
        findings = self.examine(before=["unshare", "-m", "sh", "-c", mount + ' && exec "$0" "$@"'])
        self.expect(findings, "disk adapters", "problem", "ead-only", "mount -o remount,rw")

    def test_a_disk_that_is_full(self):
        self.need_mounts()
        self.adapters().mkdir(parents=True)
        fill = (f"mount -t tmpfs -o size=64k tmpfs {self.adapters()} && "
                f"{{ head -c 1M /dev/zero > {self.adapters()}/big 2>/dev/null || true; }}")
        findings = self.examine(before=["unshare", "-m", "sh", "-c", fill + ' && exec "$0" "$@"'])
        self.expect(findings, "disk adapters", "problem", "tmpfs", "No space left", "df -h", others=["space"])
        self.expect(findings, "space", "problem", "0 B free", "make room", others=["disk adapters"])

    def test_a_disk_without_inodes(self):
        self.need_mounts()
        self.adapters().mkdir(parents=True)
        mount = f"mount -t tmpfs -o nr_inodes=3 tmpfs {self.adapters()}"
        findings = self.examine(before=["unshare", "-m", "sh", "-c", mount + ' && exec "$0" "$@"'])
        self.expect(findings, "space", "problem", "inodes", "df -i", others=["disk adapters"])

    def test_too_few_open_files(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        findings = self.examine(prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard)))
        self.expect(findings, "open files", "problem", "32 for a process", "ulimit -n")
        self.expect_not_tried(findings, "open files", "loopback", "all-reduce", "speed")

    def test_a_tmpdir_that_is_a_file(self):
        (self.folder / "file").write_text("")
        findings = self.examine(environment={"TMPDIR": str(self.folder / "file")})
        self.expect(findings, "TMPDIR", "problem", "no folder", "unset TMPDIR")
        self.expect_not_tried(findings, "TMPDIR", "all-reduce", "speed")

    def test_a_tmpdir_that_is_not_there_is_made_by_mpirun(self):
        findings = self.examine(environment={"TMPDIR": str(self.folder / "nowhere")})
        self.expect(findings, "TMPDIR", "warning", "there is no", "mkdir -p")
        self.assertEqual(findings["all-reduce"]["state"], "ok")

    def test_a_tmpdir_that_is_too_long(self):
        here, long = os.getcwd(), self.folder
        self.addCleanup(os.chdir, here)
        os.chdir(long)
        while len(str(long)) < 3850:
            os.mkdir("x" * 200)
            os.chdir("x" * 200)
            long = long / ("x" * 200)
        os.mkdir("y" * (4080 - len(str(long)) - 1))
        findings = self.examine(environment={"TMPDIR": str(long / ("y" * (4080 - len(str(long)) - 1)))})
        self.expect(findings, "TMPDIR", "problem", "session", "unset TMPDIR")

    # All at once.

    def test_it_goes_on_past_every_problem(self):
        self.configure("mpirun: no-such-mpirun\ndevice: cuda\n", branch.SETTINGS.replace("path: base", "path: nowhere"))
        shutil.rmtree(self.branch / "training")
        (self.branch / "runs").write_text("")
        findings = self.examine(environment={"TMPDIR": "/dev/null"})
        problems = ["base", "training", "disk runs", "TMPDIR", "mpirun", "devices"]
        self.assertEqual([check for check in findings if findings[check]["state"] == "problem"], problems)
        self.assertEqual([check for check in findings if check != "proxy"], CHECKS)


if __name__ == "__main__":
    branch.main()
