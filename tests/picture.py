# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Draw docs/timeline.svg, the picture of README.md: what `incident_show` prints of the incident that the demo has just recorded. `make picture`
runs both.

The same lines always make the same picture. `--check` draws the lines of the picture that is there anew, and only compares.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from html import escape, unescape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "timeline.svg"
COMMAND = "ansible-playbook incident.response.incident_show"
WIDTH, LINE, CHARACTER, EDGE, TOP = 104, 21, 8.1, 22, 62
SHOWN = re.compile(r"^TASK \[Show it\] \**\n(.*?)^ok: ", re.MULTILINE | re.DOTALL)
ACCOUNTS = [(re.compile(r"(started by) \S+ from [^\s:]+"), r"\1 ada from laptop"), (re.compile(r" \((?!inferred)[\w.-]+\)$"), " (ada)")]
"""Whose machine has drawn the picture is nobody's business."""
BLANK = "\u00a0"
"""A blank that a browser keeps at the begin of a row."""
FURTHER = BLANK * 10
"""What a row begins with that goes on with the one above."""
PLAIN = "#c9d1d9"
COLOURS = [
    (r"\$ ", "#7ee787"), (r"incident-|Clocks|Timeline|Runs", "#ffffff"), (r"\s*\S+ - (?:✅|Mitigated)", "#7ee787"),
    (r".*(?:now down|Opened)", "#ffa198"),
]  # fmt: skip
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="The timeline of an incident">
<rect x="1" y="1" width="{inner}" height="{low}" rx="10" fill="#161b22" stroke="#6e7681"/>
<circle cx="24" cy="22" r="6" fill="#ff7b72"/><circle cx="44" cy="22" r="6" fill="#e3b341"/><circle cx="64" cy="22" r="6" fill="#56d364"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13.5">
{rows}
</g>
</svg>
"""
ROW = re.compile(r"<text [^>]*>(.*)</text>")


def told(output: str) -> list[str]:
    """The lines that are drawn: the command, and what it prints of the incident."""
    (shown,) = SHOWN.findall(output)
    lines = [f"$ {COMMAND}", "", *shown.splitlines()]
    for pattern, instead in ACCOUNTS:
        lines = [pattern.sub(instead, each) for each in lines]
    return [BLANK * (len(each) - len(each.lstrip())) + each.lstrip() for each in lines]


def drawn(lines: Sequence[str]) -> str:
    """The picture of some lines. A long one goes on in the next row."""
    rows = [row for line in lines for row in (textwrap.wrap(line, WIDTH, subsequent_indent=FURTHER) if len(line) > WIDTH else [line])]
    width, height = round(2 * EDGE + WIDTH * CHARACTER), TOP + LINE * len(rows)
    return FRAME.format(width=width, height=height, inner=width - 2, low=height - 2, rows="\n".join(_rows(rows)))


def texts(picture: str) -> list[str]:
    """The rows of a picture."""
    return [unescape(each) for each in ROW.findall(picture)]


def _rows(rows: Sequence[str]) -> Iterator[str]:
    colour = PLAIN
    for place, row in enumerate(rows):
        if not row.startswith(FURTHER):
            colour = next((colour for start, colour in COLOURS if re.match(start, row)), PLAIN)
        yield f'<text x="{EDGE}" y="{TOP + LINE * place}" fill="{colour}">{escape(row, quote=False)}</text>'


def main() -> None:
    if "--check" in sys.argv:
        if drawn(texts(PICTURE.read_text())) != PICTURE.read_text():
            sys.exit("docs/timeline.svg is not what tests/picture.py draws: run make picture")
        return
    settings = {"INCIDENT_STATE_DIR": str(ROOT / ".cache" / "demo-state"), "INCIDENT_CONFIG": "/dev/null", "ANSIBLE_FORCE_COLOR": "false"}
    done = subprocess.run(shlex.split(COMMAND), cwd=ROOT, env={**os.environ, **settings}, check=True, capture_output=True, text=True)
    PICTURE.write_text(drawn(told(done.stdout)))


if __name__ == "__main__":
    main()
