#!/usr/bin/python3
"""event_tree.py: draws the regions and dispatches of a RenderDoc capture, exported as XML, into an SVG.

    mote profile --batch 4 --renderdoc step.rdc
    renderdoccmd convert -f step.rdc -c xml -o step.xml
    /usr/bin/python3 docs/event_tree.py step.xml -o step.svg [--rows 40]
"""
import argparse
import pathlib
import xml.etree.ElementTree
from xml.sax.saxutils import escape

ROW, INDENT, TENSORS, WIDTH = 17, 18, 290, 880


def read_events(path):
    """(depth, name, detail) of every region and dispatch, in order; a dispatch stands for its innermost region."""
    names, events, depth, bound = {}, [], 0, ""
    for chunk in xml.etree.ElementTree.parse(path).getroot().iter("chunk"):
        kind = chunk.get("name")
        if kind == "vkSetDebugUtilsObjectNameEXT":
            names[chunk.findtext("./ResourceId[@name='Object']")] = chunk.findtext("./string[@name='ObjectName']")
        elif kind == "vkCmdBeginDebugUtilsLabelEXT":
            events.append([depth, chunk.findtext(".//string[@name='pLabelName']"), None])
            depth += 1
        elif kind == "vkCmdEndDebugUtilsLabelEXT":
            depth -= 1
        elif kind == "vkCmdBindDescriptorSets":
            bound = names.get(chunk.findtext(".//array[@name='pDescriptorSets']/ResourceId"), "")
        elif kind == "vkCmdDispatch":
            groups = " x ".join(chunk.findtext(f"./uint[@name='{axis}']") for axis in "xyz")
            layer, _, tensors = bound.partition(": ")
            # Some stand at several bindings; the layer's own are shown without its path.
            tensors = dict.fromkeys(name.replace(layer + ":", ":", 1) for name in tensors.split(", "))
            events[-1][2] = (groups, ", ".join(tensors))
    if depth or not events:
        raise SystemExit(f"{path}: found {len(events)} regions, {depth} of them open at the end")
    return events


def text(x, row, content, style):
    return f'<text x="{x}" y="{row * ROW + 28}" class="{style}">{escape(content)}</text>'


def draw(events, title):
    height = (len(events) + 1) * ROW + 24
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">',
             "<style>text{font:12px sans-serif;fill:#222}.h{font-weight:bold}.k{fill:#0b5394}.t{fill:#666;font-size:11px}"
             "</style>", f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', text(8, 0, title, "h"),
             text(TENSORS, 0, "tensors bound, in the order of the bindings; the layer's own without its path", "h")]
    for row, (depth, name, dispatch) in enumerate(events, 1):
        x = 8 + INDENT * depth
        if not dispatch:
            lines.append(text(x, row, f"\u25be {name}", "h"))
            continue
        lines += [text(x, row, f"{name}  {dispatch[0]}", "k"), text(TENSORS, row, dispatch[1], "t")]
    return "\n".join(lines + ["</svg>\n"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("xml", type=pathlib.Path)
    parser.add_argument("-o", dest="out", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, help="draw no more than the first")
    options = parser.parse_args()
    events = read_events(options.xml)
    count = sum(dispatch is not None for _, _, dispatch in events)
    title = f"{count} dispatches and their workgroups"
    if options.rows and options.rows < len(events):
        events = events[:options.rows] + [[0, "\u2026", ("", "")]]
    options.out.write_text(draw(events, title), encoding="utf-8")


if __name__ == "__main__":
    main()
