# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a telephone shows of each message was read by somebody who knew nothing else, and understood: `transcripts/READ.md`.

A message that is worded anew has to be read anew, so it is missing there.
"""

from __future__ import annotations

import re
from pathlib import Path

TRANSCRIPTS = Path(__file__).parents[1] / "integration" / "transcripts"
SHOWN = 120
"""Characters of a message on a telephone's lock screen."""
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def notifications(story: str) -> list[str]:
    """What a telephone shows of each message that is not in a thread."""
    told = re.sub(r"^in its thread:\n\n```\n.*?^```$", "", story, flags=re.MULTILINE | re.DOTALL)
    texts = [" ".join(re.sub(r"[*`]", "", block).split()) for block in BLOCK.findall(told)]
    return [text[:SHOWN].strip() for text in texts]


def read() -> dict[str, str]:
    """What the reader says, by what was shown."""
    lines = (TRANSCRIPTS / "READ.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return {shown.strip("` "): said for shown, said in rows[1:]}


def test_each_message_was_read_and_understood() -> None:
    shown = {text for path in sorted(TRANSCRIPTS.glob("*.chat.md")) for text in notifications(path.read_text())}
    assert len(shown) > 20
    assert sorted(shown - read().keys()) == [], "read these, and write down what they say"
    assert sorted(read().keys() - shown) == [], "nobody is shown these any more"
    assert all(len(said) > 10 for said in read().values())


def test_a_thread_is_no_notification() -> None:
    story = "```\n✅ *P1* api\nplan: x\n```\n\nin its thread:\n\n```\n10:05 - Start\n```\n\n```\nagain\n```\n"
    assert notifications(story) == ["✅ P1 api plan: x", "again"]
