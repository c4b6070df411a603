"""Goal: `generate` answers as transformers and PEFT do with the same adapter, and says what it can't do. Method: the
real program beside transformers' own greedy generation on the tests' base, and mistakes one at a time."""
import json
import pathlib
import shutil
import signal
import subprocess
import time

import branch
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)  # threads that wait for one another lose more than they give on so small a model
TOKENS = 60
CLOSE = 1e-4  # two logits that fp32 may order either way


class GenerateTest(branch.BranchTest):
    def prompts(self, count):
        lines = [json.loads(line) for line in self.lines("adapter_premium_training_dataset.jsonl", end=1000)]
        found = dict.fromkeys(line["prompt"].strip() for line in lines)
        self.assertGreaterEqual(len(found), count)
        return list(found)[:count]

    def train(self):
        self.drop("train.jsonl", self.lines(end=60))
        self.run_strata("train", "--workers", "2", "--set", "num_train_epochs=3")

    def generate(self, *arguments, prompts=None):
        """One object a prompt."""
        if prompts is not None:
            (self.folder / "prompts.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
            arguments = ("--file", str(self.folder / "prompts.txt"), *arguments)
        return [json.loads(line) for line in self.run_strata("generate", *arguments, "--json").splitlines()]

    def model(self, adapter=None):
        model = AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=torch.float32)
        return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()

    def compare(self, model, ours, stops=(0,)):
        """Token for token, up to a place where their two best logits are too close to tell; returns those places."""
        tokenizer, close, seconds = AutoTokenizer.from_pretrained(branch.BASE), [], 0.0
        for answer in ours:
            text = f"### Instrucción:\n{answer['prompt']}\n\n### Respuesta:\n"
            ids = tokenizer(text, return_tensors="pt").input_ids
            self.assertEqual(answer["prompt_tokens"], ids.shape[1])
            begin = time.monotonic()
            done = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS,
                                  do_sample=False, output_logits=True, return_dict_in_generate=True,
                                  pad_token_id=tokenizer.eos_token_id)
            seconds += time.monotonic() - begin
            theirs = done.sequences[0, ids.shape[1]:].tolist()
            mine = answer["ids"]
            if answer["stopped_by"] == "eos" and theirs[len(mine):len(mine) + 1] in [[stop] for stop in stops]:
                mine = [*mine, theirs[len(mine)]]
            same = next((i for i, (a, b) in enumerate(zip(theirs, mine)) if a != b), min(len(theirs), len(mine)))
            if mine != theirs:
                self.assertLess(same, len(theirs), f"ours goes on: {answer}\ntheirs {theirs}")
                best = done.logits[same][0].topk(2).values
                self.assertLess((best[0] - best[1]).item(), CLOSE, f"{answer}\ntheirs {theirs}")
                close.append((answer["prompt"], same))
            else:
                self.assertEqual(answer["text"], tokenizer.decode(answer["ids"]))
        tokens = sum(len(answer["ids"]) for answer in ours)
        print(f"{len(ours)} prompts, {tokens} tokens; transformers one by one: {tokens / seconds:.0f} tokens a second; "
              f"too close to tell: {len(close)} {close}")
        return close

    def test_greedy_answers_are_those_of_transformers_and_peft(self):
        self.train()
        ours = self.generate("--max-new-tokens", str(TOKENS), prompts=self.prompts(50))
        self.assertEqual(len(ours), 50)
        with torch.no_grad():
            close = self.compare(self.model(self.adapters() / "current"), ours)
        self.assertLessEqual(len(close), 5)
        alone = self.generate(ours[7]["prompt"], "--max-new-tokens", str(TOKENS))
        if ours[7]["prompt"] not in dict(close):
            self.assertEqual(alone[0]["ids"], ours[7]["ids"])

    def test_without_an_adapter_it_is_the_base_that_answers(self):
        ours = self.generate("--adapter", "none", "--max-new-tokens", str(TOKENS), prompts=self.prompts(10))
        with torch.no_grad():
            self.assertLessEqual(len(self.compare(self.model(), ours)), 1)
        self.assertFalse((self.adapters() / "ledger.jsonl").exists())

    def test_each_stop_token_of_the_base_ends_an_answer(self):
        (self.branch / "base").unlink()
        base = shutil.copytree(branch.BASE, self.branch / "base")
        arguments = ["--adapter", "none", "--max-new-tokens", str(TOKENS)]
        longest = max((answer["ids"] for answer in self.generate(*arguments, prompts=self.prompts(10))), key=len)
        stop = longest[len(longest) // 2]
        config = json.loads((base / "generation_config.json").read_text())
        (base / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [0, stop]}))
        ours = self.generate(*arguments, prompts=self.prompts(10))
        self.assertIn("eos", {answer["stopped_by"] for answer in ours})
        self.assertNotIn(stop, sum((answer["ids"] for answer in ours), []))
        with torch.no_grad():
            model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
            self.assertLessEqual(len(self.compare(model, ours, stops=(0, stop))), 1)

    def test_a_version_and_a_folder_are_the_adapters_they_name(self):
        self.train()
        prompt = self.prompts(1)
        current = self.generate("--max-new-tokens", "20", prompts=prompt)[0]["ids"]
        copy = shutil.copytree(self.adapters() / "current", self.folder / "copy")
        self.run_strata("pin", "spring")
        for adapter in ("v0001", "v1", "spring", str(copy)):
            self.assertEqual(self.generate("--max-new-tokens", "20", "--adapter", adapter, prompts=prompt)[0]["ids"],
                             current)
        config = json.loads((copy / "adapter_config.json").read_text())
        (copy / "adapter_config.json").unlink()
        (copy / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "org/another"}))
        self.assertIn("org/another", self.run_strata("generate", "--max-new-tokens", "2", "--adapter", str(copy), "hola"))
        none = self.generate("--max-new-tokens", "20", "--adapter", "none", prompts=prompt)[0]["ids"]
        self.assertNotEqual(none, current)
        self.assertIn("no previous adapter", self.run_strata("generate", "--adapter", "previous", "hola", code=64))
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        backup = self.json("train")["backups_created"][0]
        shutil.rmtree(self.adapters() / "versions/v0001")
        for adapter in (backup, "v0001", "spring"):
            self.assertEqual(self.generate("--max-new-tokens", "20", "--adapter", adapter, prompts=prompt)[0]["ids"],
                             current)

    def test_the_seed_decides_what_is_drawn(self):
        drawn = ["--adapter", "none", "--temperature", "1", "--top-k", "50", "--top-p", "0.95", "--max-new-tokens", "30"]
        first, again, other = (self.generate("¿Qué es la cultura?", *drawn, "--seed", seed)[0]["text"]
                               for seed in ("1", "1", "2"))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        greedy = self.generate("¿Qué es la cultura?", "--adapter", "none", "--max-new-tokens", "30")[0]["text"]
        sharp = self.generate("¿Qué es la cultura?", "--adapter", "none", "--max-new-tokens", "30", "--temperature", "5",
                              "--top-k", "1")[0]["text"]
        self.assertEqual(greedy, sharp)

    def test_a_repetition_penalty_is_that_of_transformers(self):
        answer = self.generate("¿Qué es la cultura?", "--adapter", "none", "--max-new-tokens", "40",
                               "--repetition-penalty", "1.3", "--raw")[0]
        tokenizer = AutoTokenizer.from_pretrained(branch.BASE)
        ids = tokenizer("¿Qué es la cultura?", return_tensors="pt").input_ids
        theirs = self.model().generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40,
                                       do_sample=False, repetition_penalty=1.3, pad_token_id=tokenizer.eos_token_id)
        theirs = [id for id in theirs[0, ids.shape[1]:].tolist() if id != tokenizer.eos_token_id]
        self.assertEqual(answer["ids"], theirs)
        self.assertEqual(answer["prompt_tokens"], ids.shape[1])

    def test_texts_come_from_the_line_from_standard_input_and_from_a_file(self):
        short = ["--adapter", "none", "--max-new-tokens", "8"]
        text = self.run_strata("generate", "¿Qué es la cultura?", *short)
        command = [branch.STRATA, "generate", "-C", str(self.branch), "-", *short]
        piped = subprocess.run(command, input="¿Qué es la cultura?\n", capture_output=True, text=True, timeout=60)
        self.assertEqual((piped.stdout, piped.stderr), (text, ""))
        (self.folder / "two.txt").write_text("¿Qué es la cultura?\r\n\n¿Quién fue Boas?\n", encoding="utf-8")
        both = self.run_strata("generate", "--file", str(self.folder / "two.txt"), *short)
        self.assertTrue(both.startswith("[1/2] ¿Qué es la cultura?\n" + text + "\n[2/2] ¿Quién fue Boas?\n"), both)

    def test_mistakes_are_answered_by_what_to_do(self):
        said = lambda code, *arguments: self.run_strata("generate", *arguments, code=code)
        self.assertIn("no current adapter yet: strata train", said(64, "hola"))
        self.assertIn("no adapter 'v77x'", said(64, "hola", "--adapter", "v77x"))
        self.assertIn("no adapter 'v77'", said(64, "hola", "--adapter", "v77"))
        none = ["--adapter", "none"]
        self.assertIn("is empty", said(64, "  ", *none))
        self.assertIn("a TEXT", said(64, *none))
        self.assertIn("a TEXT", said(64, "hola", "--file", "prompts.txt", *none))
        self.assertIn("nowhere.txt", said(69, "--file", "nowhere.txt", *none))
        self.assertIn("512 positions", said(64, "palabra " * 600, *none))
        self.assertIn("temperature", said(64, "hola", "--temperature", "-1", *none))
        self.assertIn("top_p", said(64, "hola", "--top-p", "0", *none))
        self.assertIn("repetition penalty", said(64, "hola", "--repetition-penalty", "0", *none))
        self.assertIn("--max-new-tokens", said(64, "hola", "--max-new-tokens", "0", *none))
        self.assertIn("system message", said(64, "hola", "--raw", "--system", "Eres", *none))
        self.assertIn("mpirun not found", said(69, "hola", *none, "--set", "mpirun=/nowhere/mpirun"))

    def test_without_a_worker_it_says_where_it_looked(self):
        alone = shutil.copy(branch.STRATA, self.folder / "strata")
        command = [alone, "generate", "-C", str(self.branch), "hola", "--adapter", "none"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn(f"no worker program at {pathlib.Path(alone).parent / 'strata-worker'}", done.stderr)

    def test_an_interrupt_ends_it_with_75_and_leaves_no_worker(self):
        prompts = self.folder / "many.txt"
        prompts.write_text("¿Qué es la cultura?\n" * 2000, encoding="utf-8")
        command = [branch.STRATA, "generate", "-C", str(self.branch), "--file", str(prompts), "--adapter", "none"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertTrue(running.stdout.readline())
        workers = lambda: subprocess.run(["pgrep", "-f", "^[^ ]*strata-worker .*--run generation-"],
                                         capture_output=True, text=True).stdout.split()
        mine = {pid for pid in workers() if self.descends(pid, running.pid)}
        self.assertTrue(mine)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 75, said)
        self.assertIn("stopped as asked; nothing was changed", said)
        self.wait_until(lambda: not mine & set(workers()), 10, "the worker's end")

    def descends(self, pid, ancestor):
        while pid not in ("0", "1", str(ancestor)):
            try:
                pid = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            except FileNotFoundError:
                return False
        return pid == str(ancestor)


if __name__ == "__main__":
    branch.main()
