"""Goal: our shim gives the ids, offsets and decoded texts of the Python package of the same library. Method: tokenizers
are trained here with the normalizers, pre-tokenizers, decoders and post-processors of well-known models; each encodes
and decodes 10,000 varied lines in both; offsets are compared in bytes.

usage: tokenizer_parity_test.py ENCODE_LINES
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else ""
COUNT = 10_000
WORDS = """la antropología estudia cultura Cultura ¿qué? ¡así! «parentesco» rito-mito 1871 3,14 1234567 Lévi-Strauss Boas's
e.g. naïve they're WE'LL I'd don't isn’t ñandú über straße İstanbul ŒUVRE 文化 人類学は 한국어 культура العربية עברית ไทย हिन्दी
🙂 👩‍👩‍👧 🇪🇸 👍🏽 ☕️ e\u0301 n\u0303 a\u0308\u0301 ﬁ ² ½ Ⅷ ０１ \u00a0 \u2003 \u200b \u200d \ufeff \u2028 \u0085 \u0001 \u001b[0m \u007f
def f(x): return{x[0]:-1} #include <a.h> for(int i=0;i<10;++i) a->b::c !== && || $HOME `ls` {{jinja}} \\n \\ // /* */ =>
### Instrucción: Respuesta: http://x.org/a?b=c&d=%20 user@mail.es 2024-05-01T10:00 12:30 100% -0.5e-3 ... --- ___ *** ¿?!¡ ''"" """.split(" ")
# Special tokens, and what only looks like them.
SPECIAL = ["<unk>", "<s>", "</s>", "<|end|>"]
LIKE = ["<s>", "</s>", "<|end|>", "<S>", "< s>", "</ s>", "<|end|", "<s></s>", "<<s>>", "<0x0A>", "▁", "▁▁", "Ġ", "##a"]
GAPS = [" ", " ", " ", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "\r\n", "\r", "", "", " " * 17, "\n" * 5]


def lines(count):
    """Words in random order and spacing: some lines of one character, some long, some of one kind of word alone."""
    draw = random.Random(3)
    made = ["", " ", "\n", "  \n ", "a", "</s>", "</s></s>", " </s> ", " " * 300, "\n" * 300, "a" * 500, "é" * 200,
            "🙂" * 100, "1" * 100, "." * 100, "\t \t \n\r\n", "a\u0301" * 50, "<s> <s>", "<s>a</s>b<|end|>", "x\u0300\u0301\u0302"]
    while len(made) < count:
        kind = draw.random()
        words = WORDS if kind < 0.8 else draw.sample(WORDS, 3) if kind < 0.9 else LIKE + WORDS[:10]
        parts = draw.choices(words, k=draw.choice([1, 2, 3, 10, 10, 40]))
        line = "".join(word + draw.choice(GAPS) for word in parts)
        if draw.random() < 0.1:  # characters from anywhere
            line += "".join(chr(draw.choice([draw.randrange(1, 0x250), draw.randrange(0x300, 0x370),
                                             draw.randrange(0x2000, 0x2070), draw.randrange(0x1f300, 0x1f650)]))
                            for _ in range(10))
        made.append(line)
    return made


def trained(tokenizer, trainer_of=trainers.BpeTrainer, special=(), **more):
    """With the special tokens in front and as texts know them."""
    settings = dict(vocab_size=1500, special_tokens=SPECIAL + list(special), show_progress=False)
    tokenizer.train_from_iterator(lines(600), trainer_of(**settings, **more))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def beginning(tokenizer, closes=False):
    ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    return processors.TemplateProcessing(single="<s> $A </s>" if closes else "<s> $A", pair="<s> $A $B",
                                         special_tokens=ids)


def gpt2(trim_offsets=True):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    return trained(tokenizer, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))


def split_byte_level(digits, normalizer=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=normalizer is None))
    if normalizer:
        tokenizer.normalizer = normalizer
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + digits +
               r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return trained(tokenizer, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))


def llama3():
    tokenizer = split_byte_level("{1,3}")
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), beginning(tokenizer)])
    return tokenizer


def qwen2():
    tokenizer = split_byte_level("", normalizers.NFC())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def with_bos_and_eos():
    tokenizer = gpt2()
    tokenizer.post_processor = beginning(tokenizer, closes=True)
    return tokenizer


def sentencepiece(strip=True):
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] * strip)
    return tokenizer


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def llama2():
    tokenizer = sentencepiece()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained(tokenizer, special=BYTES, limit_alphabet=120)
    tokenizer.post_processor = beginning(tokenizer)
    return tokenizer


def mistral():
    tokenizer = sentencepiece()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    trained(tokenizer, special=BYTES, limit_alphabet=120)
    tokenizer.post_processor = beginning(tokenizer)
    return tokenizer


def gemma():
    tokenizer = sentencepiece(strip=False)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    trained(tokenizer, special=BYTES, limit_alphabet=120)
    tokenizer.post_processor = beginning(tokenizer)
    return tokenizer


def unigram():
    """As T5 and XLM-R: NFKC and single spaces, a metaspace, an end token."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trained(tokenizer, trainers.UnigramTrainer, unk_token="<unk>")
    tokenizer.post_processor = beginning(tokenizer, closes=True)
    return tokenizer


def untrimmed(tokenizer):
    return Tokenizer.from_str(tokenizer.to_str().replace('"trim_offsets":true', '"trim_offsets":false'))


class TokenizerParityTest(unittest.TestCase):
    def agrees(self, tokenizer):
        texts = lines(COUNT)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "tokenizer.json"
            tokenizer.save(str(file))
            tokenizer = Tokenizer.from_file(str(file))  # scores of a Unigram lose a bit on their way into the file
            done = subprocess.run([PROGRAM, str(file)], input="".join(json.dumps(text) + "\n" for text in texts),
                                  stdout=subprocess.PIPE, check=True, text=True)
        answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
        self.assertEqual(len(answers), len(texts))
        offsets = untrimmed(tokenizer)
        for text, ours, theirs in zip(texts, answers, tokenizer.encode_batch(texts)):
            begins = [len(text[:begin].encode()) for begin, _ in offsets.encode(text).offsets]
            expected = {"ids": theirs.ids, "begins": begins,
                        "bare": tokenizer.encode(text, add_special_tokens=False).ids,
                        "text": tokenizer.decode(theirs.ids),
                        "special": tokenizer.decode(theirs.ids, skip_special_tokens=False)}
            self.assertEqual(ours, expected, repr(text))


def add_kind(kind):
    setattr(TokenizerParityTest, f"test_{kind.__name__}", lambda self: self.agrees(kind()))


for kind in (gpt2, llama3, qwen2, with_bos_and_eos, llama2, mistral, gemma, unigram):
    add_kind(kind)

if __name__ == "__main__":
    unittest.main()
