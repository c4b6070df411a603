"""Goal: `strata ask` scores what two adapters answer by the formula, and says how sure the difference is. Method: real
answers of a briefly trained adapter and of the base, scored a second time here by other code."""
import json
import random
import re
import unicodedata

import branch

QUESTIONS = [
    {"question": "¿Qué estudia la antropología?", "level": "experto", "keywords": ["ser", "humano", "cultura"]},
    {"question": "¿Qué es un clan?", "level": "básico", "keywords": ["e", "grupo"]},
    {"question": "¿Quién fue Franz Boas?", "level": "básico", "keywords": ["la", "nunca dicho"]},
    {"question": "Define el mito.", "keywords": ["que"]},
]


def folded(text):
    text = unicodedata.normalize("NFD", text.lower().replace("ñ", "\0"))
    return re.sub(r"\s+", " ", "".join(c for c in text if not unicodedata.combining(c)).replace("\0", "ñ"))


def total(answer, keywords, full_words):
    """0.5 × keywords found + 0.2 × length + 0.3 × different words."""
    text = folded(answer)
    words = re.findall(r"[^\W_]+", text)
    found = sum(folded(keyword) in text for keyword in keywords) / len(keywords)
    distinct = len(set(words)) / len(words) if words else 0
    return 0.5 * found + 0.2 * min(1, len(words) / full_words) + 0.3 * distinct


class AskTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines(end=40))
        self.write_questions(QUESTIONS)

    def write_questions(self, questions):
        (self.branch / "evaluation").mkdir(exist_ok=True)
        text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
        (self.branch / "evaluation/questions.jsonl").write_text(text, encoding="utf-8")

    def test_scores_current_beside_the_base_and_then_beside_previous(self):
        self.run_strata("train")
        asked = self.json("ask", "--full-words", "12")
        self.assertEqual((asked["adapter"], asked["beside"]), ("v0001", "none"))
        for question, expected in zip(asked["questions"], QUESTIONS):
            self.assertEqual(question["question"], expected["question"])
            for side in ["adapter", "beside"]:
                again = total(question[side]["answer"], expected["keywords"], 12)
                self.assertAlmostEqual(question[side]["score"]["total"], again, places=6, msg=question)
        self.assertEqual([level["level"] for level in asked["levels"]], ["básico", "experto", ""])
        gains = [q["adapter"]["score"]["total"] - q["beside"]["score"]["total"] for q in asked["questions"]]
        difference = asked["difference"]["total"]
        self.assertAlmostEqual(difference["mean"], sum(gains) / len(gains))
        means = sorted(sum(random.Random(seed).choices(gains, k=4)) / 4 for seed in range(4000))
        self.assertAlmostEqual(difference["low"], means[100], delta=0.1 * (max(gains) - min(gains)) + 1e-9)
        self.assertAlmostEqual(difference["high"], means[3900], delta=0.1 * (max(gains) - min(gains)) + 1e-9)
        self.run_strata("train", "--all")
        self.assertEqual(self.json("ask")["beside"], "v0001")

    def test_asking_again_answers_alike(self):
        self.run_strata("train")
        self.assertEqual(self.json("ask"), self.json("ask"))
        self.assertIn("may be chance", self.run_strata("ask"))

    def test_an_adapter_beside_itself_is_refused(self):
        self.run_strata("train")
        for beside in ["current", "v0001"]:
            self.assertIn("--beside", self.run_strata("ask", "--beside", beside, code=64))
        self.run_strata("train", "--all")
        asked = self.json("ask", "--adapter", "previous")
        self.assertEqual((asked["adapter"], asked["beside"]), ("v0001", "none"))

    def test_says_what_is_missing(self):
        self.assertIn("no current adapter", self.run_strata("ask", code=64))
        self.write_questions([*QUESTIONS, {"question": "¿Y?"}])
        self.assertIn("questions.jsonl:5", self.run_strata("ask", "--adapter", "none", "--beside", "none", code=65))
        (self.branch / "evaluation/questions.jsonl").unlink()
        self.assertIn("one JSON object a line", self.run_strata("ask", code=69))


if __name__ == "__main__":
    branch.main()
