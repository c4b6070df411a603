"""The seeds of messages_fuzz: lives of runs as records of (kind, length, protobuf). Part of make_corpus.py."""
import hashlib
import struct


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def message(**fields):
    """Protobuf: f3=7 is a varint, f3=b".." or "text" is bytes, a list repeats, a float is a double."""
    out = b""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            number = int(name[1:])
            if isinstance(one, float):
                out += varint(number << 3 | 1) + struct.pack("<d", one)
            elif isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                data = one.encode() if isinstance(one, str) else one
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


JOIN, BEAT, REPORT, FINISH, CHUNK, FAIL, FETCH, GENERATE, EVALUATE, TASK, WORK, TICK, EXIT, STOP = range(14)


def records(purpose, *parts):
    return bytes([purpose]) + b"".join(bytes([kind, len(data)]) + data for kind, data in parts)


def caller(rank, attempt=1):
    return message(f1="r", f2=attempt, f3=rank, f4=f"i{rank}")


def messages():
    values = struct.pack("<4f", 1, 2, 3, 4)
    sha = hashlib.sha256(values).hexdigest()
    joins = [(JOIN, message(f1=caller(rank), f2=1, f3=2, f4="host", f6="cpu")) for rank in range(2)]
    steps = [(REPORT, message(f1=caller(0), f2=[message(f1=s, f2=e, f3=n, f4=1.5, f7=4) for n in range(2)],
                              f3=message(f1=s, f2=e, f3=1, f4=1.25))) for s in range(2) for e in range(2)]

    def finish(stage, rank, outcome=1, digest=sha, kept=4):
        return FINISH, message(f1=caller(rank), f2=stage, f3=outcome, f4="why", f5=digest, f6=kept)
    ends = [finish(stage, rank) for stage in range(2) for rank in range(2)]
    chunks = [(CHUNK, message(f1=caller(0), f2=16, f3=sha, f4=message(f1=0, f2=values[:8]))),
              (CHUNK, message(f1=caller(0), f4=message(f1=8, f2=values[8:]))),
              (CHUNK, message(f1=caller(0), f4=message(f1=16)))]

    def fetch(stage, epoch, first, count, held_out=0, rank=0):
        return FETCH, message(f1=caller(rank), f2=stage, f3=epoch, f4=first, f5=count, f6=held_out)

    def generated(*tokens):
        return GENERATE, message(f1=caller(0), f2=[message(f1=p, f2=at, f3=ids, f4=end, f5=0.5)
                                                   for p, at, ids, end in tokens])
    train = message(f1=[message(f1=0, f2="a.jsonl", f3=[2, 2], f4=9)], f2=message(f1=0.9, f2=0.999), f3=3)
    base = dict(f1=20000, f2=2000, f3=message(f1="/base", f2=sha), f4=message(f1=8, f2=16.0, f4="q_proj", f5=4), f5="float32")
    row = message(f1=0, f2=[7, 8, 9], f3=[2, 1], f4=[1, 2])
    return {
        "life": records(0, *joins, fetch(0, 0, 0, 2), *steps, *ends, *chunks, (STOP, b"\x01")),
        "joins": records(0, *joins, (BEAT, message(f1=caller(1), f2=message(f1=1, f2=1, f3=1)))),
        "candidate_first": records(0, *joins, *chunks, *ends),
        "digests_differ": records(0, *joins, finish(0, 0), finish(0, 1, digest="00" * 32)),
        "data_error": records(0, *joins, finish(0, 0, 2), finish(0, 1, 2)),
        "outcome_unknown": records(0, *joins, finish(0, 0, 77), finish(9, 0), finish(0, 0, kept=1 << 31)),
        "windows": records(0, *joins, fetch(0, 0, 0, 1), fetch(1, 1, 1, 1), fetch(0, 0, 1, (1 << 32) - 1), fetch(9, 0, 0, 1),
                           fetch(0, 0, 0, 2, 1), fetch(0, 0, 0, 2, rank=1)),
        "ranks": records(0, (JOIN, message(f1=caller(-1), f2=1, f3=2)), (JOIN, message(f1=caller(2), f2=1, f3=2)),
                         (JOIN, message(f1=caller(0), f2=9, f3=2)), (JOIN, message(f1=caller(0), f2=1, f3=1 << 31))),
        "other_attempt": records(0, *joins, (BEAT, message(f1=caller(0, 2))), (FAIL, message(f1=caller(0, 0), f2="why"))),
        "fails": records(0, *joins, (FAIL, message(f1=caller(1), f2="out of memory")), (TICK, b"\xff")),
        "stops": records(0, *joins, (STOP, b"\0"), (TICK, b"\xff"), (STOP, b"\0"), (EXIT, b"\0")),
        "lost": records(0, *joins, *[(TICK, b"\xff")] * 12),
        "evaluates": records(1, *joins, (EVALUATE, message(f1=caller(0), f2=3.5, f3=9))),
        "generates": records(2, *joins, generated((0, 0, [4, 5], 0), (1, 0, [6], 1)), generated((0, 1, [5, 6], 2))),
        "generates_with_a_hole": records(2, *joins, generated((0, 4, [4], 0), (9, 0, [], 0), (0, (1 << 32) - 1, [1], 9))),
        "task_train": records(0, (TASK, message(**base, f7=train))),
        "task_generate": records(2, (TASK, message(**base, f9=message(f1=message(f1=[1, 2]), f2=message(f1=0.5, f2=3), f3=8)))),
        "task_evaluate": records(1, (TASK, message(**base, f8=message(f1=3)))),
        "work": records(0, (WORK, message(f1=1, f2=0.001, f3=9, f4=12, f5=[row, row]))),
        "work_odd": records(0, (WORK, message(f3=(1 << 64) - 1, f5=message(f2=[1], f3=[(1 << 32) - 1], f4=[5, 1, 7])))),
        "cut": records(0, *joins)[:-5],
        "bad_utf8": records(0, (JOIN, message(f1=caller(0), f2=1, f3=2, f4=b"\xff\xfe"))),
        "empty": b"",
    }
