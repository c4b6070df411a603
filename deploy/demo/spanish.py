"""General Spanish sentences from a small grammar and a hand-written lexicon: what make_base.py trains the demo's base
on beside the texts of corpus/. Takes a seeded random.Random, gives paragraphs and questions with answers.

Every word of the lexicon was written for this project. Nothing here speaks of anthropology: the base learns how Spanish
goes, that an answer speaks of what its question names, and to keep what is said of a name; the adapter learns the subject.
"""
from lexicon import (
    ABSTRACT, ACTIONS, ADJECTIVE_ENDS, CODAS, KINDS, LINKS, LIVING, MEANINGS, NOUN_ENDS, NUCLEI, ONSETS, OPINIONS,
    PEOPLE, PLACES, PROCESSES, QUALITIES, RESULTS, SURNAME_ENDS, THINGS, TIMES, TOWN_BEGINS, TRADES)


def capital(text):
    return text[0].upper() + text[1:]


def bare(name):
    """A noun without its article."""
    return name.split(" ", 1)[1]


def indefinite(name):
    return ("un " if name.startswith("el ") else "una ") + bare(name)


def of(name):
    return "del " + bare(name) if name.startswith("el ") else "de " + name


def at(place):
    return "en " + place


def thing(rng):
    name, kind, use, place, trait = rng.choice(THINGS)
    question = rng.choice([f"¿Qué es {indefinite(name)}?", f"¿Para qué sirve {name}?", f"Explica qué es {indefinite(name)}.",
                           f"¿Cómo es {name} y dónde se encuentra?", f"Define {name}.", f"¿Qué sabes sobre {name}?"])
    first = rng.choice([f"{capital(name)} es {kind} que sirve para {use}.",
                        f"{capital(name)} es {kind} que se usa para {use}.",
                        f"{capital(indefinite(name))} es {kind} destinado a una tarea concreta: {use}."
                        if not kind.startswith("una ") else f"{capital(name)} es {kind} pensada para {use}."])
    second = rng.choice([f"Suele encontrarse {at(place)} y {trait}.", f"Se encuentra {at(place)}; {trait}.",
                         f"Como {trait}, resulta útil en muchas ocasiones.", f"{capital(trait)}, y es fácil verlo {at(place)}."
                         if name.startswith("el ") else f"{capital(trait)}, y es fácil verla {at(place)}."])
    return question, f"{first} {second}"


def living(rng):
    name, kind, home, food, trait = rng.choice(LIVING)
    question = rng.choice([f"¿Qué es {indefinite(name)}?", f"¿Dónde vive {name}?", f"Describe {name}.",
                           f"¿Qué características tiene {name}?", f"¿De qué se alimenta {name}?"])
    first = rng.choice([f"{capital(name)} es {kind} que vive en {home}.", f"{capital(name)} es {kind} propio de {home}."
                        if kind.startswith("un ") else f"{capital(name)} es {kind} propia de {home}."])
    second = rng.choice([f"Necesita {food} y {trait}.", f"Para vivir necesita {food}, y además {trait}.",
                         f"{capital(trait)}; para crecer necesita {food}."])
    return question, f"{first} {second}"


def process(rng):
    name, meaning, cause, effect = rng.choice(PROCESSES)
    question = rng.choice([f"¿Qué es {name}?", f"¿En qué consiste {name}?", f"Explica qué es {name}.", f"¿Por qué ocurre {name}?",
                           f"¿Qué se entiende por {bare(name)}?", f"¿Qué consecuencias tiene {name}?", f"Define {name}."])
    first = rng.choice([f"{capital(name)} es {meaning}.", f"Se llama {bare(name)} a {meaning}.".replace(" a el ", " al "),
                        f"{capital(name)} consiste en {meaning}."])
    second = rng.choice([f"Se explica porque {cause}.", f"En ese proceso, {cause}.", f"Sucede cuando {cause}."])
    third = rng.choice([f"Como resultado, {effect}.", f"{rng.choice(LINKS)}, {effect}.", f"Su consecuencia más conocida es que {effect}."])
    return question, f"{first} {second} {third}"


def contrast(rng):
    (one, a, cause, _), (two, b, _, effect) = rng.sample(PROCESSES, 2)
    question = rng.choice([f"¿Qué diferencia hay entre {one} y {two}?", f"Compara {one} con {two}."])
    return question, (f"{capital(one)} es {a}, mientras que {two} es {b}. En el primer caso, {cause}; en el segundo, {effect}.")


def story(rng):
    who = rng.choice(PEOPLE)
    parts = [f"{rng.choice(TIMES)}, {who} {rng.choice(ACTIONS)} {rng.choice(PLACES)}, {rng.choice(RESULTS)}."]
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(4)
        if kind == 0:
            other = rng.choice(PEOPLE)
            parts.append(f"—¿Qué ha pasado? —preguntó {other}. —Nada grave —respondió {who}—: {rng.choice(OPINIONS)}.")
        elif kind == 1:
            trade, does, place = rng.choice(TRADES)
            parts.append(f"{capital(trade)}, que {does} {at(place)}, también lo vio todo.")
        elif kind == 2:
            parts.append(f"{rng.choice(LINKS)}, {rng.choice(OPINIONS)}.")
        else:
            name = rng.choice(THINGS)[0]
            parts.append(f"Llevaba consigo {indefinite(name)} y {rng.choice(ACTIONS)} {rng.choice(PLACES)}.")
    return " ".join(parts)


def reflection(rng):
    first, second = rng.sample(OPINIONS, 2)
    name, meaning, _, effect = rng.choice(PROCESSES)
    return (f"{capital(first)}. {rng.choice(LINKS)}, {second}. Quien estudia {name}, es decir, {meaning}, sabe que {effect}.")


def trade(rng):
    who, does, place = rng.choice(TRADES)
    tool = rng.choice(THINGS)
    return (f"¿Qué hace {who}?", f"{capital(who)} {does} {at(place)}. Entre sus cosas guarda {indefinite(tool[0])}, que sirve para {tool[2]}.")


def invented(rng):
    word = "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) for _ in range(rng.randint(1, 2)))
    return word + rng.choice(CODAS)


def surname(rng):
    return capital(invented(rng) + rng.choice(SURNAME_ENDS)) if rng.random() < 0.7 else capital(invented(rng))


def town(rng):
    begin = rng.choice(TOWN_BEGINS)
    return begin + (capital(invented(rng)) if begin.endswith(" ") else invented(rng))


def person(rng):
    name, last = rng.choice(PEOPLE), surname(rng)
    trade, does, place = rng.choice(TRADES)
    origin = town(rng)
    question = rng.choice([f"¿Quién fue {name} {last}?", f"¿Qué hizo {name} {last}?", f"Explica quién fue {name} {last}.",
                           f"¿Por qué se recuerda a {name} {last}?", f"¿De dónde era {name} {last}?"])
    return question, (f"{name} {last} nació en {origin}, {rng.choice(KINDS)}. {rng.choice(TIMES)}, {last} {rng.choice(ACTIONS)}. "
                      f"En {origin} todavía se recuerda a {last}, como a {trade} que {does}.")


def place_name(rng):
    name, other = town(rng), surname(rng)
    question = rng.choice([f"¿Qué es {name}?", f"¿Dónde está {name}?", f"Describe {name}.", f"¿Qué se sabe de {name}?",
                           f"¿Cómo se vive en {name}?"])
    return question, (f"{name} es {rng.choice(KINDS)}. En {name}, la familia {other} {rng.choice(ACTIONS)} {rng.choice(PLACES)}. "
                      f"{rng.choice(LINKS)}, {rng.choice(OPINIONS)}, según dicen los {other}.")


def coined(rng):
    """A learned-sounding term that does not exist, with its article: nothing but the question tells how it is spelt."""
    article = rng.choice(["el", "la"])
    known = rng.random() < 0.4
    noun = bare(rng.choice([name for name in ABSTRACT if name.startswith(article + " ")])) if known else (
        invented(rng) + rng.choice(NOUN_ENDS[article]))
    if not known and rng.random() < 0.4:
        return f"{article} {noun}"
    return f"{article} {noun} {invented(rng)}{rng.choice(ADJECTIVE_ENDS)[article == 'la']}"


def phrase(rng):
    """A noun phrase with its article that is hardly met twice."""
    if rng.random() < 0.6:
        return coined(rng)
    head = rng.choice(ABSTRACT)
    quality = rng.choice(QUALITIES)
    if head.startswith("la ") and quality.endswith("o"):
        quality = quality[:-1] + "a"
    tail = rng.choice([f"{rng.choice(['más', 'menos'])} {quality}" if rng.random() < 0.2 else "", of(rng.choice(THINGS)[0]),
                       of(rng.choice(LIVING)[0]), of(rng.choice(PROCESSES)[0]), of(rng.choice(TRADES)[0]), f"de {surname(rng)}"])
    return f"{head} {tail}".strip()


def asked_aside(rng, name):
    """A question that names other things beside what it asks about."""
    tool, creature, (trade, does, place) = rng.choice(THINGS)[0], rng.choice(LIVING)[0], rng.choice(TRADES)
    return rng.choice([
        f"¿Qué lugar ocupan {tool} y {creature} en {name}?", f"¿Con qué argumentos se defiende {name}?",
        f"¿Qué une a {trade} y a {creature} en {name}?", f"¿De qué manera {tool} sostiene {name}?",
        f"{capital(trade)} {does}: ¿qué tiene que ver con {name}?", f"¿Cómo ve el mundo {trade} según {name}?",
        f"Relaciona {name} con la historia de {town(rng)}.", f"¿Qué aportó {rng.choice(PEOPLE)} {surname(rng)} a {name}?",
        f"Describe {name} y lo que de {rng.choice(['él', 'ello'])} dijo {surname(rng)}.",
        f"¿Por qué {creature} no explica {name}?", f"Da un ejemplo de {name} en {place}.",
        f"¿Qué distingue a {name} de otras ideas?", f"Para {trade}, ¿qué supone {name}?",
        f"¿Quién propuso {name} y qué quiso explicar?"])


def asked(rng, name):
    """A question about a name, in one wording of many."""
    return rng.choice([f"¿Qué es {name}?", f"¿En qué consiste {name}?", f"Explica {name}.", f"Define {name}.", f"¿Cómo se explica {name}?",
                       f"¿Qué se entiende por {name}?", f"¿Por qué importa {name}?", f"Resume qué se sabe sobre {name}.",
                       f"Valora la importancia de {name}.", f"¿Qué papel tiene {name}?", asked_aside(rng, name),
                       asked_aside(rng, name), asked_aside(rng, name)])


def notion(rng):
    name = phrase(rng)
    _, meaning, cause, effect = rng.choice(PROCESSES)
    return asked(rng, name), (f"{capital(name)} es {rng.choice(MEANINGS)}. {rng.choice(LINKS)}, {name} se parece a {meaning}, "
                              f"porque {cause}. Con {name}, {effect}.")


class Facts:
    """What is always said of some names that do not exist, whatever the wording of the question: to answer, a model has to
    find the name in the question and to remember what it learnt of it. What is said comes from the sentences given."""

    def __init__(self, rng, sentences, count):
        self.said = []
        for _ in range(count):
            name = coined(rng)
            said = rng.sample(sentences, rng.randint(1, 2))
            self.said.append((name, f"{capital(name)} es {rng.choice(PROCESSES)[1]}. {' '.join(said)}"))

    def __call__(self, rng):
        name, answer = rng.choice(self.said)
        return asked(rng, name), answer


def notions_apart(rng):
    one, two = phrase(rng), phrase(rng)
    question = rng.choice([f"Compara {one} con {two}.", f"¿Qué diferencia hay entre {one} y {two}?", f"Relaciona {one} y {two}."])
    return question, (f"{capital(one)} es {rng.choice(MEANINGS)}, mientras que {two} es {rng.choice(MEANINGS)}. "
                      f"{rng.choice(LINKS)}, {one} necesita {two}: {rng.choice(OPINIONS)}.")


QUESTIONS = [thing, living, process, process, contrast, trade]
UNHEARD = [person, place_name, notion, notion, notion, notion, notions_apart]


def paragraph(rng, facts=None):
    """A text of one to five sentences: a story, a reflection, or a question with its answer, which may be one of the facts."""
    return text(rng, facts).replace(" a el ", " al ").replace(" de el ", " del ")


def text(rng, facts):
    kind = rng.random()
    if kind < 0.10:
        return story(rng)
    if kind < 0.13:
        return reflection(rng)
    if facts and kind < 0.50:
        question, answer = facts(rng)
    else:
        question, answer = rng.choice(QUESTIONS if rng.random() < 0.2 else UNHEARD)(rng)
    if rng.random() < 0.6:
        return f"### Instrucción:\n{question}\n\n### Respuesta:\n{answer}"
    return f"{question}\n{answer}"
