#!/usr/bin/env python3
"""Records a command as it runs in a terminal and draws it as one animated SVG: a dark window whose last frame stays,
and is what shows where nothing moves. Needs pyte (pip install pyte).

    .venv/bin/python deploy/record.py --columns 100 --rows 32 --out train.svg -- build/bin/strata train -C BRANCH

The command really runs, in a pty of that size; pauses are shortened, nothing is made up. Exits as the command does.
"""
import argparse
import fcntl
import html
import os
import pathlib
import pty
import select
import struct
import sys
import termios
import time

import pyte

BYTES_MAX = 200_000
PAUSE_SECONDS_MAX = 1.0  # a longer one is cut
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 19, 14
MARGIN, TITLE_HEIGHT = 18, 34
INK, GROUND, FRAME = "#d5dae2", "#14171d", "#2a2f3a"
COLOURS = {
    "default": INK, "black": "#3b4252", "red": "#ff6b6b", "green": "#7ddc8a", "brown": "#f2c45a", "blue": "#6cb2ff",
    "magenta": "#d38cff", "cyan": "#5fd7d7", "white": "#eceff4", "brightblack": "#7c8696",
}
SPARK = "▁▂▃▄▅▆▇█"
STROKES = {"─": (0, 1, 1.2), "━": (0, 1, 3.2), "╸": (0, 0.5, 3.2)}  # left, right, thickness


class Screen(pyte.Screen):
    """pyte knows no dim text: it is shown as grey."""

    def select_graphic_rendition(self, *attributes, **kwargs):
        super().select_graphic_rendition(*[90 if code == 2 else code for code in attributes], **kwargs)


def run(command, columns, rows):
    """([(seconds, bytes)], exit code) of the command in a pty of that size; what it prints is also shown here."""
    pid, terminal = pty.fork()
    if pid == 0:
        for name in ["NO_COLOR", "COLUMNS", "LINES", "LC_ALL", "LC_CTYPE"]:
            os.environ.pop(name, None)
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8")
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.exit(f"{command[0]}: {error.strerror}")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    began, seen = time.monotonic(), []
    while True:
        select.select([terminal], [], [])
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the command has closed its side
            break
        if not data:
            break
        seen.append((time.monotonic() - began, data))
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    os.close(terminal)
    return seen, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def without_pauses(seen):
    """The same, at a time each that has no long pause before it."""
    now, before, shortened = 0.0, 0.0, []
    for at, data in seen:
        now += min(at - before, PAUSE_SECONDS_MAX)
        before = at
        shortened.append((now, data))
    return shortened


def cells_of(screen):
    """Each row as its cells, (text, colour, bold); a wide sign is followed by an empty text. Blanks at the end go."""
    rows = []
    for y in range(screen.lines):
        cells = []
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            cells.append((cell.data, cell.bg if cell.reverse else cell.fg, cell.bold))
        while cells and not cells[-1][0].strip():
            cells.pop()
        rows.append(tuple(cells))
    return tuple(rows)


def frames_of(prompt, seen, columns, rows, count):
    """[(seconds, rows)]: at most `count` moments at even distances, the last of them the end; none twice in a row."""
    screen = Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    stream.feed(f"\x1b[90m$\x1b[0m \x1b[1m{prompt}\x1b[0m\r\n".encode())
    frames, end = [(0.0, cells_of(screen))], seen[-1][0] if seen else 0.0
    due, number = end / max(count - 2, 1), 1
    for index, (at, data) in enumerate(seen):
        stream.feed(data)
        if at >= due * number or index + 1 == len(seen):
            number = int(at / due) + 1 if due > 0 else 1
            rows_now = cells_of(screen)
            if rows_now != frames[-1][1]:
                frames.append((at, rows_now))
    return frames[:count - 1] + frames[-1:] if len(frames) > count else frames


def runs_of(cells):
    """(column, text, width, colour, bold) of neighbours that look alike; blanks are left out, but within a run."""
    runs, column = [], 0
    for text, colour, bold in cells:
        drawn = text in STROKES or (text in SPARK and text)
        last = runs[-1] if runs else None
        if text and text.strip():
            alike = last and last[3:] == (colour, bold) and last[0] + last[2] == column and \
                bool(drawn) == (last[1][0] in STROKES or last[1][0] in SPARK)
            if alike:
                runs[-1] = (last[0], last[1] + text, last[2] + 1, colour, bold)
            else:
                runs.append((column, text, 1, colour, bold))
        elif text == "" and last:  # the second half of a wide sign
            runs[-1] = (last[0], last[1], last[2] + 1, colour, bold)
        column += 1
    return runs


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def drawn_path(column, text, colour):
    """Bars and sparklines as shapes, so that no font can tear them."""
    path, i = [], 0
    while i < len(text):
        sign, x = text[i], (column + i) * CELL_WIDTH
        if sign in STROKES:
            same = len(text[i:]) - len(text[i:].lstrip(sign))
            left, right, thick = STROKES[sign]
            width = (same - 1 + right - left) * CELL_WIDTH
            path.append(f"M{number(x)} {number(CELL_HEIGHT / 2 - thick / 2)}h{number(width)}v{thick}h-{number(width)}z")
            i += same
        else:
            high = (SPARK.index(sign) + 1) / 8 * (CELL_HEIGHT - 5)
            path.append(f"M{number(x)} {number(CELL_HEIGHT - 3)}v-{number(high)}h7.4v{number(high)}z")
            i += 1
    return f'<path d="{"".join(path)}" fill="{colour}"/>'


def line_svg(cells):
    parts = []
    for column, text, width, colour, bold in runs_of(cells):
        ink = COLOURS.get(colour, "#" + colour if len(colour) == 6 else INK)
        if text[0] in STROKES or text[0] in SPARK:
            parts.append(drawn_path(column, text, ink))
            continue
        look = ("" if ink == INK else f' fill="{ink}"') + (' font-weight="700"' if bold else "")
        length = f' textLength="{number(width * CELL_WIDTH)}" lengthAdjust="spacingAndGlyphs"' if width > 1 else ""
        parts.append(f'<text x="{number(column * CELL_WIDTH)}" y="{FONT_SIZE}"{length}{look}>{html.escape(text)}</text>')
    return "".join(parts)


def keyframes(frames, seconds, strip):
    """The strip of frames moves up by one at each frame's time; the last one stays."""
    end = frames[-1][0] or 1.0
    steps = [f"{number(100 * at / end)}%{{transform:translateY(-{i * strip}px)}}" for i, (at, _) in enumerate(frames)]
    return ("@media (prefers-reduced-motion:no-preference){#strip{animation:play "
            f"{number(seconds)}s step-end forwards}}}}@keyframes play{{{''.join(steps)}}}")


def svg_of(frames, columns, rows, title, seconds):
    strip = rows * CELL_HEIGHT
    lines, uses = {}, []
    for i, (_, frame) in enumerate(frames):
        for y, cells in enumerate(frame):
            if cells:
                name = lines.setdefault(cells, f"l{len(lines)}")
                uses.append(f'<use href="#{name}" y="{i * strip + y * CELL_HEIGHT}"/>')
    definitions = "".join(f'<g id="{name}">{line_svg(cells)}</g>' for cells, name in lines.items())
    inner_width, inner_height = columns * CELL_WIDTH, strip
    width, height = inner_width + 2 * MARGIN, inner_height + TITLE_HEIGHT + MARGIN
    dots = "".join(f'<circle cx="{20 + 18 * i}" cy="{TITLE_HEIGHT / 2}" r="5.5" fill="{colour}"/>'
                   for i, colour in enumerate(["#ff5f57", "#febc2e", "#28c840"]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title><style>{keyframes(frames, seconds, strip)}"
        "text{white-space:pre}</style>"
        f'<rect x=".5" y=".5" width="{number(width - 1)}" height="{number(height - 1)}" rx="9" fill="{GROUND}" '
        f'stroke="{FRAME}"/>{dots}'
        f'<text x="{number(width / 2)}" y="{TITLE_HEIGHT / 2 + 4.5}" text-anchor="middle" fill="#7c8696" font-size="13" '
        f'font-family="ui-sans-serif,system-ui,sans-serif">{html.escape(title)}</text>'
        f"<defs>{definitions}</defs>"
        f'<svg x="{MARGIN}" y="{TITLE_HEIGHT}" width="{number(inner_width)}" height="{inner_height}" overflow="hidden">'
        f'<g id="strip" fill="{INK}" font-size="{FONT_SIZE}" transform="translate(0,-{(len(frames) - 1) * strip})" '
        'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace">'
        f'{"".join(uses)}</g></svg></svg>\n')


def draw(seen, arguments, prompt):
    """The SVG with as many frames as its size allows, and how many these are."""
    for count in range(arguments.frames, 1, -4):
        frames = frames_of(prompt, seen, arguments.columns, arguments.rows, count)
        text = svg_of(frames, arguments.columns, arguments.rows, arguments.title, arguments.seconds)
        if len(text.encode()) <= BYTES_MAX:
            return text, len(frames)
    sys.exit(f"record.py: two frames alone take more than {BYTES_MAX} bytes; choose a smaller window")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the SVG to write")
    parser.add_argument("--prompt", help="what stands after the $; default: the command")
    parser.add_argument("--title", default="strata")
    parser.add_argument("--seconds", type=float, default=12, help="how long it plays (default: 12)")
    parser.add_argument("--frames", type=int, default=40, help="at most so many (default: 40)")
    parser.add_argument("command", nargs="+", help="after --")
    return parser.parse_args()


def main():
    arguments = parsed()
    prompt = arguments.prompt or " ".join([os.path.basename(arguments.command[0]), *arguments.command[1:]])
    seen, code = run(arguments.command, arguments.columns, arguments.rows)
    text, frames = draw(without_pauses(seen), arguments, prompt)
    arguments.out.write_text(text, encoding="utf-8")
    print(f"{arguments.out}: {frames} frames, {len(text.encode()) // 1000} KB", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
