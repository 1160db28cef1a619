# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often ordinary lines of logs are taken for secrets, and what it costs to look: of files that one has, a thousand lines of all.

    redaction.py FILE...

Lines that were changed are shown, so that one sees whether they were secrets. docs/adr/0020 has the figures of loghub's sixteen samples
(github.com/logpai/loghub, */*_2k.log), whose licence keeps them from being here.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "collections"))

from ansible_collections.incident.response.plugins.module_utils._core.redact import redact

SAMPLE = 1000
ALLOWED = 0.01


def main(files: list[Path]) -> int:
    """1 where more than one line of a hundred was changed."""
    lines = [line.strip() for file in files for line in file.read_text(errors="replace").splitlines() if line.strip()]
    chosen = random.Random(13).sample(lines, min(SAMPLE, len(lines)))  # noqa: S311 - the same lines each time
    begun, changed = time.process_time(), 0
    for line in chosen:
        shown = redact(line)
        if shown != line:
            changed += 1
            print(f"- {line[:200]}\n+ {shown[:200]}")
    took = (time.process_time() - begun) / max(1, len(chosen)) * 1e6
    print(f"{changed} of {len(chosen)} lines were changed ({len(lines)} in {len(files)} files), {took:.0f} µs a line")
    return int(changed > ALLOWED * len(chosen))


if __name__ == "__main__":
    sys.exit(main([Path(each) for each in sys.argv[1:]]))
