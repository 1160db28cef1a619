# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No garbage collection in the controller, with and without a callback: a few objects more move a collection of a large
heap into a fork or out of it, which distorts such plays by several percent in either direction."""

from __future__ import annotations

import gc
import sys

if sys.argv and sys.argv[0].endswith("ansible-playbook"):
    gc.disable()
