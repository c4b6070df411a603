"""Goal: our shim gives the ids and offsets of the Python package of the same library. Method: tokenizers of three kinds
are trained here, each encodes 1,000 varied lines in both; offsets are compared in bytes.

usage: tokenizer_parity_test.py ENCODE_LINES
"""
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else ""
WORDS = """la antropología estudia cultura Cultura ¿qué? «parentesco» rito-mito 1871 3,14 Lévi-Strauss Boas's e.g. naïve
ñandú über 文化 人類学 культура 🙂 👩‍👩‍👧 e\u0301 \u00a0 \u200b <s> </s> ### Instrucción: Respuesta: http://x.org/a?b=c \t \\ \\n ---""".split(" ")


def lines(count):
    """Words in random order and spacing, some lines of one character and some long."""
    draw = random.Random(3)
    made = ["", " ", "\n", "  \n ", "a", "</s>", "</s></s>", " </s> "]
    while len(made) < count:
        parts = draw.choices(WORDS, k=draw.choice([1, 3, 10, 80]))
        made.append("".join(word + draw.choice([" ", " ", " ", "  ", "\n", "\n\n", ""]) for word in parts))
    return made


def byte_level(trim_offsets):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(lines(300), trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    return tokenizer


def with_bos_and_eos():
    tokenizer = byte_level(False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return tokenizer


def sentencepiece_like():
    """As Llama 2's: a metaspace written by the normalizer, bytes as the fallback."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Prepend("▁"),
                                                 normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(lines(300), trainer)
    tokenizer.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    return tokenizer


def expected(tokenizer, text):
    """(id, byte where it begins) of each token; the package counts characters."""
    encoding = tokenizer.encode(text)
    return [(token, len(text[:begin].encode())) for token, (begin, _) in zip(encoding.ids, encoding.offsets)]


class TokenizerParityTest(unittest.TestCase):
    def agrees(self, tokenizer, reference=None):
        texts = lines(1000)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "tokenizer.json"
            tokenizer.save(str(file))
            escaped = "".join(text.replace("\\", "\\\\").replace("\n", "\\n") + "\n" for text in texts)
            done = subprocess.run([PROGRAM, str(file)], input=escaped.encode(), stdout=subprocess.PIPE, check=True)
        printed = done.stdout.decode().split("\n")
        self.assertEqual(len(printed), len(texts) + 1)
        for text, line in zip(texts, printed):
            ours = [tuple(map(int, pair.split(":"))) for pair in line.split()]
            self.assertEqual(ours, expected(reference or tokenizer, text), repr(text))

    def test_byte_level(self):
        self.agrees(byte_level(False))

    def test_trimmed_offsets_are_given_untrimmed(self):
        self.agrees(byte_level(True), reference=byte_level(False))

    def test_post_processor_that_adds_tokens(self):
        self.agrees(with_bos_and_eos())

    def test_sentencepiece_like(self):
        self.agrees(sentencepiece_like())


if __name__ == "__main__":
    unittest.main()
