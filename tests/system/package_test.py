"""Goal: a package of strata runs where nothing of the build is: unpacked by an unprivileged user, moved, with no root and
none of the build's folders. Method: a real package; as root the user is a fresh one and sees neither .venv nor build/;
what the loader takes is read from ldd and readelf."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STRATA_PROGRAM", ROOT / "build/bin/strata")).parents[1]
SOMEBODY = 47110
IS_ROOT = os.geteuid() == 0
# Every dataset's stage, cut short.
SHORT = ("--set", "max_steps=4", "--set", "save_steps=0")


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.home = cls.folder / "home"
        cls.home.mkdir()
        cls.folder.chmod(0o755)
        if IS_ROOT:
            os.chown(cls.home, SOMEBODY, SOMEBODY)
        cls.whole = cls.pack("--with-libtorch")
        cls.bare = cls.pack("--without-libtorch")
        cls.as_user("tar", "-xf", cls.whole, "-C", cls.home)
        (cls.home / "elsewhere").mkdir()
        if IS_ROOT:
            os.chown(cls.home / "elsewhere", SOMEBODY, SOMEBODY)
        cls.as_user("mv", cls.home / "strata", cls.home / "elsewhere/moved")
        cls.package = cls.home / "elsewhere/moved"

    @classmethod
    def pack(cls, which):
        out = cls.folder / f"{which.strip('-')}.tar.zst"
        packed = subprocess.run([ROOT / "deploy/package.sh", which, "--build", BUILD, out], capture_output=True, text=True)
        assert packed.returncode == 0, packed.stderr
        print(" ", packed.stdout.strip(), flush=True)
        return out

    @classmethod
    def as_user(cls, *command, code=0):
        """Runs as an unprivileged user from whom the build is hidden, in an environment of its own."""
        words = [str(word) for word in command]
        if IS_ROOT:
            hidden = [str(folder) for folder in (ROOT / ".venv", BUILD) if folder.exists()]
            hide = " && ".join(["mount --make-rprivate /", *(f"mount -t tmpfs -o size=4k none '{path}'" for path in hidden)])
            words = ["unshare", "-m", "sh", "-c", f'{hide} && exec "$@"', "sh", "setpriv", f"--reuid={SOMEBODY}",
                     f"--regid={SOMEBODY}", "--clear-groups", "--no-new-privs", *words]
        done = subprocess.run(words, capture_output=True, text=True, cwd=cls.home,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(cls.home), "TMPDIR": str(cls.home), "LANG": "C.UTF-8",
                                   "OMP_WAIT_POLICY": "PASSIVE"})
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def loaded(self, program):
        """{library: where the loader takes it from}, for the user."""
        said = self.as_user("ldd", program)
        self.assertNotIn("not found", said)
        return dict(re.findall(r"^\s*(\S+) => (/\S+) \(0x", said, re.MULTILINE))

    def test_what_is_loaded_is_the_packages_or_the_machines(self):
        machines = re.compile(r"(libc|libm|libdl|libpthread|librt|libutil|libresolv)\.so\.|libmpi\.|libopen-(rte|pal)\.|"
                              r"ld-linux|libhwloc|libevent|libudev|libcap|libxml|libltdl|libpciaccess|libnuma|libpmix|libdb-|"
                              r"libmunge|liblzma|libicu")
        for program in ("strata", "strata-worker"):
            for library, path in self.loaded(self.package / "bin" / program).items():
                inside = os.path.realpath(path).startswith(str(self.package))
                self.assertTrue(inside or machines.match(library), f"{program} takes {library} from {path}")

    def test_every_path_in_it_is_relative_to_where_it_is(self):
        for file in [*(self.package / "bin").glob("strata*"), *self.package.rglob("*.so*")]:
            dynamic = subprocess.run(["readelf", "-d", file], capture_output=True, text=True).stdout
            for paths in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic):
                for path in filter(None, paths.split(":")):
                    self.assertRegex(path, r"^\$(ORIGIN|\{ORIGIN\})(/|$)", str(file))

    def test_the_demo_runs_to_its_end(self):
        said = self.as_user(self.package / "share/demo/run.sh", self.home / "demo", *SHORT)
        self.assertIn("v0001 is current", said)
        status = json.loads(self.as_user(self.package / "bin/strata", "status", "-C", self.home / "demo", "--json"))
        self.assertEqual(status["health"], "healthy")
        self.assertEqual(status["last_run"]["status"], "completed")
        self.assertEqual(len(status["current"]["metadata"]["training_history"]), 12)
        metadata = self.home / "demo/adapters/lora_adapters/current/training_metadata.json"
        self.assertEqual(metadata.stat().st_uid, SOMEBODY if IS_ROOT else os.geteuid())

    def test_without_libtorch_what_is_missing_is_said_and_linked(self):
        self.as_user("mkdir", "-p", self.home / "bare")
        self.as_user("tar", "-xf", self.bare, "-C", self.home / "bare")
        bare = self.home / "bare/strata"
        self.assertEqual(list((bare / "libtorch").iterdir()), [])
        doctor = bare / "bin/strata"
        told = " ".join(self.as_user(doctor, "doctor", code=69).split())
        self.assertIn("libtorch", told)
        self.assertIn(f"{bare}/bin/strata-torch DIR", told)
        self.as_user(bare / "bin/strata-torch", self.home, code=69)
        linked = self.as_user(bare / "bin/strata-torch", self.package / "libtorch/torch")
        self.assertIn("strata-worker loads libtorch", linked)
        self.assertIn("strata-worker", self.as_user(doctor, "doctor"))
        self.as_user(bare / "bin/strata-worker", "--probe", "machine")

    def test_what_its_texts_name_is_in_it(self):
        named = re.findall(r"share/[a-z./]*[a-z]", (self.package / "README.md").read_text())
        self.assertIn("share/samples", named)
        for path in named:
            self.assertTrue((self.package / path).exists(), path)
        for text in (self.package / "README.md", *(self.package / "share").rglob("*")):
            if text.is_file():
                self.assertNotRegex(text.read_bytes(), rb"deploy/(samples|slurm|systemd|branch\.sample)", text)

    def test_licences_of_all_that_is_shipped_are_in_it(self):
        licences = self.package / "share/licenses"
        for name in ("debian/libgrpc29/copyright", "debian/libssl3/copyright", "debian/libcli11-dev/copyright"):
            self.assertTrue((licences / name).is_file(), name)
        self.assertTrue(any(licences.glob("rust/tokenizers-*/LICENSE*")))
        self.assertTrue(any(licences.glob("wheels/torch-*/*")))
        for library in (self.package / "lib").iterdir():
            found = subprocess.run(["dpkg-query", "-S", f"*/{library.name}"], capture_output=True, text=True).stdout
            packages = {line.split(":")[0] for line in found.splitlines()}
            self.assertTrue(any((licences / "debian" / package).is_dir() for package in packages), library.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
