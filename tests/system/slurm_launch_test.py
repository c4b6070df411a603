"""Goal: in an allocation of Slurm the workers are a step of it, and all that is promised of launchers holds for srun.
Method: a real Slurm on the loopback (slurm_cluster.py); the launchers' contract suite, and a training over two nodes, as
batch jobs."""
import json
import os
import pathlib
import unittest

import branch
import slurm_cluster

CONTRACT = pathlib.Path(branch.STRATA).resolve().parents[1] / "tests/launch_test"
AS_ROOT = "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; "


@unittest.skipIf(os.geteuid() != 0 or slurm_cluster.missing_programs(),
                 "needs root, and Slurm: deploy/setup.sh --with-tests")
class SlurmLaunchTest(branch.BranchTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = slurm_cluster.Cluster(nodes=2)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def batch(self, command, *options):
        """What a job said on its end, with its exit code."""
        log, code = self.folder / "job.log", self.folder / "job.code"
        code.unlink(missing_ok=True)
        script = f"{AS_ROOT}({command}); echo $? >{code}.part; mv {code}.part {code}"
        self.cluster.run("sbatch", f"--output={log}", *options, "--wrap", script)
        self.wait_until(code.exists, 600, "the end of the job")
        return int(code.read_text()), log.read_text()

    @unittest.skipUnless(CONTRACT.exists(), "the unit tests were not built")
    def test_the_contract_of_launchers_holds_under_srun(self):
        code, said = self.batch(f"{CONTRACT} --gtest_filter='Launchers/*srun*'", "--nodes=1", "--ntasks=2")
        self.assertEqual(code, 0, said)
        self.assertIn("[  PASSED  ] 12 tests.", said)

    def train_in_job(self, *arguments):
        code, said = self.batch(f"{branch.STRATA} train -C {self.branch} --json {' '.join(arguments)}", "--nodes=2",
                                "--ntasks=2", "--ntasks-per-node=1")
        self.assertEqual(code, 0, said)
        return json.loads(said[said.index("{\n"):said.rindex("}") + 1]), said

    def test_srun_and_mpirun_train_over_two_nodes_to_one_adapter(self):
        settings = branch.SETTINGS + "packing: false\nworkers: 2\nworker_env: [OMP_NUM_THREADS=1]\n"
        adapters = {}
        for launcher in ("auto", "mpirun", "local"):
            self.branch = self.make_branch(f"{launcher}/branch")
            (self.branch / "branch.yaml").write_text(settings)
            self.drop("train.jsonl", self.lines())
            result, said = self.train_in_job("--launcher", launcher)
            hosts = [rank["host"] for rank in result["ranks"]]
            self.assertEqual(len(set(hosts)), 1 if launcher == "local" else 2, said)
            adapters[launcher] = self.adapter_bytes()
        self.assertEqual(adapters["auto"], adapters["mpirun"])
        self.assertEqual(adapters["auto"], adapters["local"])


if __name__ == "__main__":
    branch.main()
