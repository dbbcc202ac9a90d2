"""log_plot.py: an SVG of lines over two logarithmic axes, for the figures in docs/."""
import math

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 720, 320, 52, 100, 40, 30
MARKS = [mantissa * 10.0 ** exponent for exponent in range(-4, 6) for mantissa in (1, 2, 5)]


def _text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{words}</text>'


def draw(title, x_marks, lines):
    """The SVG's text.

    x_marks: numbers to write under the horizontal axis, from its left end to its right end
    lines: (name, colour, dashed, points) each; a point is x, y and the interval's low and high, which may equal y
    """
    values = [value for _, _, _, points in lines for point in points for value in point[1:]]
    low, high = math.log(min(values) / 1.15), math.log(max(values) * 1.15)
    first, last = math.log(x_marks[0]), math.log(x_marks[-1])

    def x(value):
        return LEFT + 20 + (WIDTH - LEFT - 20 - RIGHT) * (math.log(value) - first) / (last - first)

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (math.log(value) - low) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
           "<style>text{font:12px sans-serif;fill:#222}</style>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           _text(LEFT, 18, title)]
    out += [_text(x(mark), HEIGHT - 18, f"{mark:g}", ' text-anchor="middle"') for mark in x_marks]
    for mark in (mark for mark in MARKS if low < math.log(mark) < high):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>' +
                   _text(LEFT - 6, y(mark) + 4, f"{mark:g}", ' text-anchor="end"'))
    for name, colour, dashed, points in lines:
        places = " ".join(f"{x(p[0]):.1f},{y(p[1]):.1f}" for p in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        out.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.4"{dashes}/>')
        for at, value, bottom, top in points:
            if bottom < top:
                out.append(f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(bottom):.1f}" y2="{y(top):.1f}" stroke="{colour}"/>')
            out.append(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>')
        rightmost = max(points)
        out.append(_text(x(rightmost[0]) + 8, y(rightmost[1]) - 6, name, f' style="fill:{colour}"'))
    return "\n".join(out + ["</svg>", ""])
