"""Goal: a branch that asks for a chat template trains, generates and exports by it, and what can't be done is said with
file and line. Method: the real programs on the tests' base with a template of its own, beside transformers."""
import json
import shutil

import branch
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)
OWN = ("{%- for m in messages -%}{%- if m.role == 'system' -%}{{ raise_exception('no system here') }}{%- endif -%}"
       "{{ '<' + m.role + '>\\n' + m.content | trim + eos_token + '\\n' }}{%- endfor -%}"
       "{%- if add_generation_prompt -%}{{ '<assistant>\\n' }}{%- endif -%}")
CONVERSATION = [{"role": "user", "content": "¿Qué es el kula? "}, {"role": "assistant", "content": " Un intercambio."},
                {"role": "user", "content": "¿Dónde?"}, {"role": "assistant", "content": "En las Trobriand."}]
TOKENS = 24


class ChatTemplateTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        (self.branch / "base").unlink()
        self.base = shutil.copytree(branch.BASE, self.branch / "base")
        self.give(OWN)
        self.drop("train.jsonl", self.lines(end=40))

    def give(self, template):
        file = self.base / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": template}))

    def ask_for(self, choice):
        (self.branch / "branch.yaml").write_text(f"{branch.SETTINGS}chat_template: {choice}\n")

    def rows(self, *arguments):
        return [json.loads(line) for line in
                self.run_strata("inspect", "--json", "--set", "packing=false", *arguments).splitlines()]

    def test_plan_names_the_key_that_uses_the_bases_own(self):
        self.assertIn("chat_template: model in branch.yaml uses it", " ".join(self.run_strata("plan").split()))
        self.ask_for("model")
        self.assertNotIn("warning", self.run_strata("plan"))

    def test_rows_are_what_transformers_writes(self):
        self.ask_for("model")
        shapes = [{"messages": CONVERSATION}, {"instruction": "a", "input": "b", "output": "c"},
                  {"prompt": "a", "completion": "c"}, {"question": "a", "answer": "c"},
                  {"prompt": CONVERSATION[:3], "completion": CONVERSATION[3:]}, {"text": "La cultura."}]
        self.drop("train.jsonl", [json.dumps(shape) + "\n" for shape in shapes])
        tokenizer = AutoTokenizer.from_pretrained(self.base)
        pair = lambda prompt: [{"role": "user", "content": prompt}, {"role": "assistant", "content": "c"}]
        written = [tokenizer.apply_chat_template(messages, return_dict=False) for messages in
                   (CONVERSATION, pair("a\n\nb"), pair("a"), pair("a"), CONVERSATION)]
        expected = written + [tokenizer("La cultura.").input_ids + [tokenizer.eos_token_id]]
        learnt = ["Un intercambio.<|fin|>En las Trobriand.<|fin|>"] + ["c<|fin|>"] * 3 + ["En las Trobriand.<|fin|>"]
        rows = self.rows()
        self.assertEqual(sorted(row["ids"] for row in rows), sorted(expected))
        for row in rows:
            i = row["examples"][0]
            self.assertEqual(row["ids"], expected[i])
            if i < len(learnt):
                self.assertEqual(tokenizer.decode([label for label in row["labels"] if label >= 0]), learnt[i])
        last = self.rows("--set", "assistant_only_loss=false")
        text = next(tokenizer.decode([label for label in row["labels"] if label >= 0])
                    for row in last if row["examples"] == [0])
        self.assertEqual(text, "En las Trobriand.<|fin|>")

    def test_what_was_trained_with_is_kept_exported_and_asked_by(self):
        self.ask_for("model")
        self.run_strata("train")
        self.assertEqual((self.adapters() / "current/chat_template.jinja").read_text(), OWN)
        self.run_strata("export", str(self.folder / "out"))
        messages = [{"role": "user", "content": "¿Qué es la cultura?"}]
        asked = AutoTokenizer.from_pretrained(self.folder / "out").apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False)
        model = AutoModelForCausalLM.from_pretrained(self.base, dtype=torch.float32)
        model = PeftModel.from_pretrained(model, self.adapters() / "current").eval()
        ids = torch.tensor([asked])
        theirs = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS,
                                do_sample=False, pad_token_id=0)[0, len(asked):].tolist()
        # The adapter's template, whatever branch.yaml says by now.
        for choice in ("model", "default"):
            self.ask_for(choice)
            ours = self.json("generate", messages[0]["content"], "--max-new-tokens", str(TOKENS))
            self.assertEqual(ours["prompt_tokens"], len(asked))
            self.assertEqual(ours["ids"], [id for id in theirs if id != 0])
        without = self.json("generate", messages[0]["content"], "--adapter", "none", "--max-new-tokens", "1")
        self.assertNotEqual(without["prompt_tokens"], len(asked))

    def test_another_template_than_that_of_current_is_told(self):
        said = "current was trained with another chat template"
        self.run_strata("train")
        self.drop("train_more.jsonl", self.lines(begin=40, end=52))
        self.assertNotIn(said, " ".join(self.run_strata("plan").split()))
        self.ask_for("model")
        self.assertIn(said, " ".join(self.run_strata("plan").split()))
        self.assertNotIn(said, " ".join(self.run_strata("plan", "--rebuild").split()))
        self.assertIn(said, " ".join(self.run_strata("train").split()))
        self.assertEqual((self.adapters() / "current/chat_template.jinja").read_text(), OWN)
        self.assertNotIn(said, " ".join(self.run_strata("plan").split()))

    def test_what_a_template_teaches_that_nobody_wants_is_told(self):
        self.ask_for("model")
        self.give(OWN.split("{%- if add")[0])
        said = 'writes "<assistant>\\n" before an answer but not when one is asked for'
        for command in ("plan", "train"):
            self.assertIn(said, " ".join(self.run_strata(command).split()))
        self.give(OWN.replace("m.content | trim + eos_token + '\\n' }}", "'' }}{% generation %}{{ m.content }}"
                              "{% endgeneration %}{{ eos_token }}"))
        self.assertIn("mark ends before <|fin|>", " ".join(self.run_strata("plan").split()))

    def test_a_file_is_a_template_too_and_its_text_is_the_caches_key(self):
        (self.branch / "mine.jinja").write_text("{% for m in messages %}{{ m.content + eos_token }}{% endfor %}")
        self.ask_for("mine.jinja")
        first = self.rows()
        (self.branch / "mine.jinja").write_text("{% for m in messages %}{{ 'x' + m.content + eos_token }}{% endfor %}")
        self.assertNotEqual(first[0]["ids"], self.rows()[0]["ids"])

    def test_what_a_template_refuses_is_told_by_file_and_line(self):
        self.ask_for("model")
        system = {"messages": [{"role": "system", "content": "s"}, *CONVERSATION]}
        self.drop("train.jsonl", [json.dumps({"messages": CONVERSATION}) + "\n", json.dumps(system) + "\n"])
        said = self.run_strata("inspect", code=65)
        self.assertIn("train.jsonl:2:", said)
        self.assertIn("no system here", said)
        self.assertIn("train.jsonl:2", self.run_strata("train", code=65))

    def test_a_template_that_rewrites_an_answer_is_refused_with_what_to_do(self):
        self.give("{%- for m in messages -%}{{ m.content if loop.last or m.role == 'user' else '…' }}{{ eos_token }}"
                  "{%- endfor -%}")
        self.ask_for("model")
        self.drop("train.jsonl", [json.dumps({"messages": CONVERSATION}) + "\n"])
        said = self.run_strata("inspect", code=65)
        self.assertIn("train.jsonl:1: the chat template writes the answer of messages[1] otherwise", said)
        self.assertIn("assistant_only_loss: false", said)
        self.rows("--set", "assistant_only_loss=false")

    def test_templates_that_there_are_not_or_that_are_none_are_named(self):
        self.ask_for("nowhere.jinja")
        self.assertIn(str(self.branch / "nowhere.jinja"), self.run_strata("plan", code=78))
        (self.branch / "bad.jinja").write_text("a\n{% for %}\n")
        self.ask_for("bad.jinja")
        said = self.run_strata("plan", code=65)
        self.assertIn(str(self.branch / "bad.jinja"), said)
        self.assertIn("chat_template:2", said)
        (self.branch / "bad.jinja").write_text("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}")
        self.assertIn("does a loop of it never end?", self.run_strata("inspect", code=65))
        self.give(None)
        self.ask_for("model")
        self.assertIn("has no chat template of its own", self.run_strata("plan", code=78))
        self.ask_for("chatml")
        self.assertIn("must be default, model or the path of a .jinja file", self.run_strata("plan", code=78))


if __name__ == "__main__":
    branch.main()
