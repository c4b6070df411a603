"""Conversations of many kinds, for the tests that compare chat templates with transformers. The same each time."""
import random

SYSTEM = ["Eres antropólogo.", "", "  You are terse.\n", "{{ not a template }} {% raw %}", "规则：简短"]
SAID = ["¿Qué es la cultura?", " leading", "trailing \n\n", "\t\r\n mixed \x1c\x1f ends \x85\u00a0", "", " ", "a",
        "人類学とは何ですか？", "🙂👩‍👩‍👧 e\u0301 \u200b", "```python\nprint('{}'.format({\"a\": [1, 2]}))\n```",
        "{{ 7*7 }} {% if x %} {# c #}", "'single' \"double\" \\back\\slash\\n", "<|im_end|> <|eot_id|></s>[INST]",
        "<think>\nhm\n</think>\n\nDone.", "a</think>b</think>c", "<tool_response>x</tool_response>", "x" * 2000,
        "line1\nline2\r\nline3\rline4", "&lt;b&gt; <b>&amp;</b>", "fin.\n", "<start_of_turn>user\n", "%s %d {0}"]


def turns(draw, count, first="user"):
    other = {"user": "assistant", "assistant": "user"}
    made, role = [], first
    for _ in range(count):
        made.append({"role": role, "content": draw.choice(SAID)})
        role = other[role]
    return made


def conversations(count, regular=False):
    """Lists of messages; unless `regular`, some whose roles no template expects."""
    draw = random.Random(7)
    made = [[{"role": "user", "content": said}] for said in SAID]
    made += [[{"role": "user", "content": "q"}, {"role": "assistant", "content": said}] for said in SAID]
    while len(made) < count:
        messages = turns(draw, draw.choice([1, 2, 2, 3, 4, 4, 6, 9]))
        if draw.random() < 0.4:
            messages.insert(0, {"role": "system", "content": draw.choice(SYSTEM)})
        if not regular and draw.random() < 0.2:
            strange = draw.choice([{"role": "user", "content": "again"}, {"role": "system", "content": "late"},
                                   {"role": "assistant", "content": "too soon"}, {"role": "critic", "content": "hm"}])
            messages.insert(draw.randrange(len(messages) + 1), strange)
        made.append(messages)
    return made
