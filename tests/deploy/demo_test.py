"""Goal: the demo branch holds what it promises, before anything is built. Method: its files are read here by rules of
their own, not by the program's."""
import json
import pathlib
import re
import struct
import unittest

DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo" / "antropologia"

# Good lines of each file, in the order of training.
EXAMPLES = {
    "premium_complete_optimized_premium_dataset_migrated.jsonl": 320,
    "complete_optimized_premium_dataset.jsonl": 320,
    "premium_premium_training_dataset_migrated.jsonl": 320,
    "adapter_premium_training_dataset.jsonl": 320,
    "train_improved.jsonl": 54,
    "incremental_train_improved_migrated.jsonl": 54,
    "supplementary_improved.jsonl": 36,
    "incremental_supplementary_improved_migrated.jsonl": 36,
    "supplementary_data_migrated.jsonl": 110,
    "supplementary_data.jsonl": 110,
    "train_migrated.jsonl": 120,
    "train.jsonl": 120,
}
SHAPES = [("instruction", "output"), ("prompt", "completion"), ("question", "answer"), ("text",)]
DTYPE_BYTES = {"F32": 4, "BF16": 2, "F16": 2}


def texts_of(line):
    """The texts of a good line, the answer last and the question before it; None for a broken one."""
    try:
        example = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(example, dict):
        return None
    if "messages" in example:
        return texts_of_messages(example["messages"])
    for keys in SHAPES:
        if keys[0] in example:
            texts = [example.get(key) for key in keys]
            if not all(isinstance(text, str) and text.strip() for text in texts):
                return None
            return ([example["input"]] if example.get("input") else []) + texts
    return None


def texts_of_messages(messages):
    if not isinstance(messages, list) or not messages or messages[-1]["role"] != "assistant":
        return None
    texts = [message["content"] for message in messages]
    return texts if all(isinstance(text, str) and text.strip() for text in texts) else None


def words(text):
    """A question without what may be typed differently: prefixes, case, punctuation."""
    text = re.sub(r"^(Responde de forma clara|Pregunta): ", "", text.strip())
    return " ".join(re.findall(r"\w+", text.lower()))


def read(name):
    """(good, broken): the texts of the good lines and the number of the others."""
    lines = (DEMO / "training" / name).read_text(encoding="utf-8").splitlines()
    texts = [texts_of(line) for line in lines if line.strip()]
    good = [text for text in texts if text is not None]
    return good, len(texts) - len(good)


class DemoTrainingTest(unittest.TestCase):
    def test_has_the_twelve_files_with_their_counts(self):
        names = sorted(path.name for path in (DEMO / "training").iterdir())
        self.assertEqual(names, sorted(EXAMPLES))
        self.assertEqual({name: len(read(name)[0]) for name in names}, EXAMPLES)
        self.assertEqual(sum(EXAMPLES.values()), 1920)

    def test_has_broken_lines_to_report(self):
        self.assertGreaterEqual(sum(read(name)[1] > 0 for name in EXAMPLES), 3)

    def test_begins_the_plain_files_with_twelve_good_distinct_lines(self):
        for name in ["train.jsonl", "train_improved.jsonl"]:
            head = (DEMO / "training" / name).read_text(encoding="utf-8").splitlines()[:12]
            self.assertEqual(len({tuple(texts_of(line)) for line in head}), 12, name)

    def test_has_every_shape_of_line(self):
        keys = set()
        for name in EXAMPLES:
            for line in (DEMO / "training" / name).read_text(encoding="utf-8").splitlines():
                if texts_of(line) is not None:
                    keys.update(json.loads(line))
        self.assertLessEqual({"instruction", "input", "prompt", "question", "text", "messages"}, keys)

    def test_lists_the_files_in_the_order_of_training(self):
        listed = re.findall(r"^\s+- (\S+\.jsonl)$", (DEMO / "branch.yaml").read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(listed, list(EXAMPLES))


class DemoEvaluationTest(unittest.TestCase):
    def lines(self, name):
        return [json.loads(line) for line in (DEMO / "evaluation" / name).read_text(encoding="utf-8").splitlines()]

    def asked_in_training(self):
        """The questions of every good line, as their words."""
        return {words(texts[-2] if len(texts) > 1 else texts[0].split("\n")[0])
                for name in EXAMPLES for texts in read(name)[0]}

    def test_asks_at_least_24_questions_over_the_four_levels(self):
        questions = self.lines("questions.jsonl")
        self.assertGreaterEqual(len({question["question"] for question in questions}), 24)
        for level in ["básico", "intermedio", "avanzado", "experto"]:
            self.assertGreaterEqual(sum(question["level"] == level for question in questions), 4, level)
        for question in questions:
            self.assertGreaterEqual(len(question["keywords"]), 3, question)

    def test_words_no_question_as_in_training(self):
        asked = self.asked_in_training()
        for question in self.lines("questions.jsonl"):
            self.assertNotIn(words(question["question"]), asked)
        for example in self.lines("heldout.jsonl"):
            self.assertNotIn(words(example["instruction"]), asked)

    def test_holds_out_answers_that_training_never_gives(self):
        given = {texts[-1] for name in EXAMPLES for texts in read(name)[0]}
        heldout = self.lines("heldout.jsonl")
        self.assertGreaterEqual(len(heldout), 40)
        for example in heldout:
            self.assertNotIn(example["output"], given)

    def test_trains_at_least_500_distinct_questions_and_answers(self):
        pairs = {(words(texts[-2]), texts[-1]) for name in EXAMPLES for texts in read(name)[0] if len(texts) > 1}
        self.assertGreaterEqual(len({question for question, _ in pairs}), 500)
        self.assertGreaterEqual(len({answer for _, answer in pairs}), 500)

    def test_gives_the_premium_files_the_longer_answers(self):
        def mean(part):
            lengths = [len(texts[-1].split()) for name in EXAMPLES if part in name for texts in read(name)[0]]
            return sum(lengths) / len(lengths)
        self.assertGreater(mean("premium"), 1.2 * mean("train_improved"))
        self.assertGreater(mean("train_improved"), 1.2 * mean("supplementary_data"))


class DemoBaseTest(unittest.TestCase):
    def setUp(self):
        self.config = json.loads((DEMO / "base" / "config.json").read_text(encoding="utf-8"))

    def test_is_a_small_llama(self):
        self.assertEqual(self.config["architectures"], ["LlamaForCausalLM"])
        self.assertLess(sum(path.stat().st_size for path in (DEMO / "base").iterdir()), 12 << 20)

    def test_has_whole_weights_of_the_configured_shape(self):
        data = (DEMO / "base" / "model.safetensors").read_bytes()
        header_bytes = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + header_bytes])
        header.pop("__metadata__", None)
        end = 0
        for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end_of_tensor = tensor["data_offsets"]
            count = 1
            for size in tensor["shape"]:
                count *= size
            self.assertEqual((begin, end_of_tensor - begin), (end, count * DTYPE_BYTES[tensor["dtype"]]), name)
            end = end_of_tensor
        self.assertEqual(8 + header_bytes + end, len(data))
        self.assertEqual(header["model.embed_tokens.weight"]["shape"],
                         [self.config["vocab_size"], self.config["hidden_size"]])

    def test_has_a_byte_level_tokenizer_with_an_end(self):
        tokenizer = json.loads((DEMO / "base" / "tokenizer.json").read_text(encoding="utf-8"))
        settings = json.loads((DEMO / "base" / "tokenizer_config.json").read_text(encoding="utf-8"))
        vocab = tokenizer["model"]["vocab"]
        self.assertEqual(sorted(vocab.values()), list(range(self.config["vocab_size"])))
        self.assertEqual(vocab[settings["eos_token"]], self.config["eos_token_id"])
        self.assertEqual(tokenizer["pre_tokenizer"]["type"], "ByteLevel")


if __name__ == "__main__":
    unittest.main()
