"""Goal: our templates render as transformers' apply_chat_template does, mark the same characters as generated and refuse
the same conversations. Method: each template of templates/ (sources.json says where it is from), and small ones of single
features, over conversations of many kinds in both.

usage: chat_template_parity_test.py RENDER_TEMPLATES
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from transformers.utils import chat_template_utils

from conversations import conversations

PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else ""
TEMPLATES = sorted((pathlib.Path(__file__).parent / "templates").glob("*.jinja"))
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

# Values that templates write, beside the messages.
VALUES = {"d": {"b": [1, 2.5, 1e22, 1e-7, True, None, "é'\"<&>\n\u0001\U0001f642"], "a": {}, "c": []}, "n": None, "f": 3.0,
          "s": "  Ünï a,b,,c a\t\u2003b\x1c  ", "l": ["a", "b'", None, 1.5, True], "t": True}
FEATURES = """{{ d | tojson }}
{{ d | tojson(indent=2) }}
{{ d | tojson(indent=4, sort_keys=true) }}
{{ d | tojson(ensure_ascii=true) }}
{{ d | tojson(separators=(',', ':')) }}
{{ l | tojson }}{{ n | tojson }}{{ f | tojson }}{{ t | tojson }}{{ s | tojson }}
{{ d }} {{ l }} {{ n }} {{ t }} {{ f }}
{{ l | string }} {{ 1e16 }} {{ 0.0001 }} {{ 12345678901234567890 }}
[{{ s.strip() }}][{{ s.lstrip() }}][{{ s.rstrip() }}][{{ s | trim }}][{{ s.strip(' b\\x1c') }}][{{ s | trim(' b') }}]
{{ s.split() }}{{ s.split(',') }}{{ s.split(',', 1) }}{{ s.split(None, 1) }}{{ s.rsplit(',', 1) }}{{ s.rsplit(None, 1) }}
{{ s.split(',', maxsplit=2) }}{{ 'a\\r\\nb\\rc\\n'.splitlines() }}{{ 'a\\nb'.splitlines(true) }}
{{ 'ééx'.find('x') }}{{ 'ééx'.rfind('é') }}{{ 'a'.find('z') }}{{ 'ééx'[1:] }}{{ 'ééx'[-1] }}{{ 'abc'[::-1] }}{{ 'aXbX'.index('X') }}
{{ 'a=b=c'.partition('=') | join('|') }}{{ 'a=b=c'.rpartition('=') | join('|') }}{{ 'abc'.removeprefix('a').removesuffix('c') }}
{{ 'aaa'.count('a') }}{{ 'aaa'.count('') }}{{ 'ab'.startswith('a') }}{{ 'ab'.endswith(('x', 'b')) }}{{ 'ab'.replace('a', 'c') }}
{{ 'hello world'.title() }}{{ 'hELLO'.capitalize() }}{{ 'ß'.upper() }}{{ 'A'.lower() }}{{ ''.isspace() }}{{ 'a1'.isalnum() }}{{ 'aB'.islower() }}
{{ (d.items() | list)[0][0] }}{{ d.keys() | list }}{{ d.get('z', 'no') }}{{ d.get('z') }}
{% for k, v in d.items() %}{{ k }}{{ loop.index }}{{ loop.last }}{% endfor %}
{% for m in messages[1:] %}{{ m.role }}{% endfor %}{% for m in messages[::-1] %}{{ m.role }}{% endfor %}{{ messages[-1]['role'] }}
{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% set ns = namespace(x=0) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}
{{ s is string }}{{ d is mapping }}{{ l is sequence }}{{ s is sequence }}{{ s is iterable }}{{ n is none }}{{ zz is defined }}{{ 1 is number }}{{ d is iterable }}
{{ zz }}{{ zz | length }}{{ 'a' in zz }}{{ zz | default('dd') }}{{ zz is undefined }}{{ messages[0].zz is defined }}
{{ 'a' ~ 1 ~ 'b' }}{{ 'ab' * 2 }}{{ 7 // 2 }}{{ -7 % 3 }}{{ 2 ** 3 }}{{ (1, 2)[0] }}{{ 'a' 'b' }}
{{ 'x' if false }}{{ not zz }}{{ l | join('-') }}{{ l | length }}{{ l | first }}{{ l | last }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | map(attribute='role') | join(',') }}
{% macro hi(a, b='z') %}[{{ a }}{{ b }}]{% endmacro %}{{ hi('x') }}{{ hi('x', b='y') }}
{% if messages %}yes{% endif %}{%- if t -%} no {%- endif %} {%+ if t %}kept{% endif %}
{# a comment #}after
{{- ' left' }} {{ 'right ' -}} x
{% set x %}body {{ 1 }}{% endset %}{{ x }}{{ x | length }}
{% raw %}{{ raw }}{% endraw %}{% filter upper %}up{% endfilter %}
{{ '\\u00e9\\x41\\t|' }}{{ "it's" }}{{ 'a\\'b' }}{{ '\\\\n' }}{{ '\\d' }}
{{ strftime_now('%Y') }}{{ dict(a=1) | tojson }}{{ {'k': 'v'}['k'] }}{{ ['a'] + ['b'] }}
{{ (messages[0] | items | list)[1][0] }}{{ 'a' == 'a' and not false or none }}{{ 1 < 2 }}{{ 'b' in ['b'] }}{{ 'b' not in 'abc' }}
{{ d.items() | list }}{{ d | items | list }}{{ d | dictsort }}{{ d | dictsort(true, 'key', true) }}{{ 'a=b'.partition('=') }}
{{ (d.items() | list)[-1][-1] }}{{ (d.items() | list)[0][:1] | list }}{{ d.items() | list | tojson }}{{ 'a=b'.rpartition('=')[0] }}
{{ 1.25 | round(1) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 7 | round }} {{ 1250.0 | round(-2) }} {{ 15 | round(-1) }}
{{ 42.55 | round(1, 'floor') }} {{ 42.55 | round(method='ceil') }} {{ -0.5 | round }} {{ 1e300 | round(3) }} {{ 0.1 | round(20) }} {{ 3 | round(1, 'ceil') }}
[{{ 'ab'.center(7) }}][{{ 'abc'.center(6, 'é') }}][{{ 'ñ'.ljust(3, '.') }}][{{ 'ñ'.rjust(3) }}][{{ 'abc'.ljust(2) }}][{{ 'a'.rjust(-4) }}]
[{{ 'ab' | center(9) }}][{{ 'ab' | center | length }}][{{ '7'.zfill(3) }}][{{ '-7'.zfill(4) }}][{{ '+é'.zfill(5) }}][{{ ''.zfill(2) }}]
{{ 'a'.ljust(5, 'xy') }}
{{ s | wordcount }} {{ "it's one_word, é2 你好" | wordcount }} {{ '' | wordcount }}
{{ s | urlencode }}|{{ 'a/b c?&=~_.-+' | urlencode }}|{{ {'a b': 'c/d', 'é': 1} | urlencode }}|{{ [('x', 'y&'), ('z', 2)] | urlencode }}|{{ 7 | urlencode }}
{{ '%s is %d, %5.2f|%-4s|%04d|%%' | format('é', 7, 1.005, 'x', 42) }} {{ '%(a)s' | format(a='b') }}
{{ '{}-{1}' | length }}{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}'.format(1, 'a', 'b', 3, 1.005) }}{{ '{a}'.format(a='z') }}
{{ s | title }}{{ 'abc' | truncate(2) }}{{ 'a\\nb' | indent(2) }}{{ [1, 2, 3] | batch(2) | list }}{{ [3, 1, 2] | sort }}{{ [1, 2] | sum }}
{{ 'aXa' | replace('a', 'b') }}{{ -3 | abs }}{{ '12' | int }}{{ '1.5' | float }}{{ [1, 1, 2] | unique | list }}{{ '<b>' | striptags }}{{ '<&>' | e }}
{{ n.x }}
{{ zz.x }}
{{ zz + 'a' }}
{{ 'a' + 1 }}
{{ raise_exception('no') }}
{{ nothing() }}
{{ l.append(1) }}
{% generation %}{{ s }}{% endgeneration %} x {%- generation -%} y {%- endgeneration -%} z
{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content }}é{% endgeneration %}{% endfor %}""".split("\n")


def theirs(template, variables, prompt):
    """The text and the bytes within marks of generation, or None where transformers refuses."""
    compiled = chat_template_utils._compile_jinja_template(template)
    variables = dict(variables)
    messages, tools = variables.pop("messages"), variables.pop("tools")
    documents = variables.pop("documents")
    try:
        text, spans = chat_template_utils._render_with_assistant_indices(
            compiled, messages, tools, documents, prompt, **variables)
    except Exception:
        return None
    place = lambda characters: len(text[:characters].encode())
    return text, [[place(begin), place(end)] for begin, end in spans if begin < end]


class ChatTemplateParityTest(unittest.TestCase):
    maxDiff = None

    def compare(self, cases):
        """`cases`: (template file, variables, prompt). Gives how many both refuse."""
        lines = [json.dumps({"template": str(file), "variables": variables, "prompt": prompt})
                 for file, variables, prompt in cases]
        done = subprocess.run([PROGRAM], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
        self.assertEqual(len(answers), len(cases))
        refused, wrong = 0, []
        for (file, variables, prompt), ours in zip(cases, answers):
            expected = theirs(pathlib.Path(file).read_text(encoding="utf-8"), variables, prompt)
            mine = None if "error" in ours else (ours["text"], ours["generated"])
            refused += expected is None and mine is None
            if mine != expected:
                wrong.append((pathlib.Path(file).name, variables["messages"], prompt, ours, expected))
        for name, messages, prompt, ours, expected in wrong[:10]:
            print(f"{name} {messages}\n  ours   {ours}\n  theirs {expected}", file=sys.stderr)
        self.assertEqual(len(wrong), 0, f"of {len(cases)}; by template: {sorted({w[0] for w in wrong})}")
        return refused

    def test_templates_of_models(self):
        self.assertGreaterEqual(len(TEMPLATES), 20)
        variables = lambda messages: {**TOKENS, "messages": messages, "tools": None, "documents": None}
        cases = [(file, variables(messages), prompt) for file in TEMPLATES
                 for messages in conversations(200) for prompt in (False, True)]
        refused = self.compare(cases)
        self.assertGreater(refused, 100)
        print(f"{len(TEMPLATES)} templates, {len(cases)} renderings, {refused} refused by both", file=sys.stderr)

    def test_features_of_the_language(self):
        messages = [{"role": "user", "content": "¿qué?"}, {"role": "assistant", "content": "b\n"}]
        variables = {**TOKENS, **VALUES, "messages": messages, "tools": None, "documents": None}
        with tempfile.TemporaryDirectory() as folder:
            cases = []
            for i, feature in enumerate(FEATURES):
                for end in ("", "\n", "\r\nnext\r\n"):
                    file = pathlib.Path(folder) / f"{i}.{len(end)}"
                    file.write_text(feature + end, encoding="utf-8", newline="")
                    cases.append((file, variables, False))
            self.compare(cases)


if __name__ == "__main__":
    unittest.main()
