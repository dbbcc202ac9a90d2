#!/usr/bin/python3
"""frame_costs.py: draws what denoising cost in each frame of the game, beside its budget, into an SVG.

    build-examples/game MODEL.safetensors --budget 6000 --seconds 10 --costs costs.csv
    /usr/bin/python3 docs/frame_costs.py costs.csv -o frame-costs.svg
"""
import argparse
import csv
import pathlib

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 880, 260, 52, 34, 30


def draw(rows, frames_shown):
    rows = rows[:frames_shown]
    top = 1.05 * max(max(row) for row in ((s, b + step) for s, b, step in rows))

    def x(index):
        return LEFT + (WIDTH - LEFT - 10) * index / max(1, len(rows) - 1)

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top

    def path(values, colour, dashes=""):
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"{dashes}/>'

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
             "<style>text{font:12px sans-serif;fill:#222}</style>",
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    step = 10 ** len(str(int(top / 2000))) * 1000 / 10 if top > 2000 else 500
    while top / step > 6:
        step *= 2
    for k in range(int(top / step) + 1):
        at = y(k * step)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{k * step / 1000:g}</text>')
    over = sum(spent > budget + one for spent, budget, one in rows)
    lines += [path([spent for spent, _, _ in rows], "#0b5394"), path([b for _, b, _ in rows], "#b45f06"),
              path([b + one for _, b, one in rows], "#b45f06", ' stroke-dasharray="4 3"'),
              f'<text x="{LEFT}" y="18">ms of denoising a frame (blue), the budget (line), the budget and one step '
              f"(dashes); {over} of {len(rows)} frames above</text>",
              f'<text x="{LEFT}" y="{HEIGHT - 10}">frame 1</text>'
              f'<text x="{WIDTH - 10}" y="{HEIGHT - 10}" text-anchor="end">{len(rows)}</text>', "</svg>\n"]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=pathlib.Path)
    parser.add_argument("-o", dest="out", type=pathlib.Path, required=True)
    parser.add_argument("--frames", type=int, default=300, help="draw no more than the first (default 300)")
    options = parser.parse_args()
    with open(options.csv, newline="", encoding="ascii") as file:
        names = ("spent_us", "budget_us", "step_us")
        rows = [tuple(float(row[name]) for name in names) for row in csv.DictReader(file)]
    if not rows:
        raise SystemExit(f"{options.csv}: found no frame")
    options.out.write_text(draw(rows, options.frames), encoding="ascii")


if __name__ == "__main__":
    main()
