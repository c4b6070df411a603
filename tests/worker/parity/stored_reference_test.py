"""Goal: the reference that is stored beside this file, for machines without Python, is what make_reference.py makes now.
Method: line by line and tensor by tensor against a set that was made anew.

usage: stored_reference_test.py STORED_DIR MADE_DIR
"""
import pathlib
import sys
import unittest

import numpy as np

STORED, MADE = [pathlib.Path(folder) for folder in sys.argv[1:3]]
FLOATS = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}  # BF16 as bits
# Another processor adds up in another order: of gradients more than of what they come from, and most of what thirty steps
# of Adam make of a rounding.
TOLERANCES = {"grad": 1e-4, "trained": 1e-3}


def read(folder):
    """(lines, tensors): what index.txt says of everything but tensors, and every tensor by its name."""
    lines, tensors = [], {}
    blob = (folder / "tensors.bin").read_bytes()
    for line in (folder / "index.txt").read_text("utf-8").splitlines():
        words = line.split(" ")
        if words[0] != "tensor":
            lines.append(line)
            continue
        shape = [int(word) for word in words[4:]]
        values = np.frombuffer(blob, FLOATS[words[2]], int(np.prod(shape)), int(words[3]))
        tensors[words[1]] = values.reshape(shape).astype(np.float64)
    return lines, tensors


class StoredReferenceTest(unittest.TestCase):
    def variants(self):
        return sorted(path.name for path in STORED.iterdir())

    def test_has_every_variant_but_one_and_is_small(self):
        made = {path.name for path in MADE.iterdir()}
        self.assertEqual(made - set(self.variants()), {"llama_tied", "published"})
        self.assertEqual(set(self.variants()) - made, set())
        self.assertLess(sum(path.stat().st_size for path in STORED.rglob("*")), 2.1e6)

    def test_is_what_the_script_makes(self):
        for name in self.variants():
            with self.subTest(name):
                lines, tensors = read(STORED / name)
                made_lines, made = read(MADE / name)
                self.assertEqual(lines, made_lines)
                self.assertEqual(set(made) - set(tensors), set(made) & {"logits"})
                for tensor, values in tensors.items():
                    self.assertEqual(values.shape, made[tensor].shape)
                    off = np.abs(values - made[tensor]).max() / max(np.abs(made[tensor]).max(), 1e-30)
                    self.assertLessEqual(off, TOLERANCES.get(tensor.split(".")[0], 1e-5), tensor)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
