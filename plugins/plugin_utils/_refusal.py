# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a play that must not begin is refused: in our words alone, whatever ansible-core would put round an error of a template."""

from __future__ import annotations

import multiprocessing
import sys
from typing import NoReturn

from ansible import context
from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.plugin_utils import _run
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

CODE = 5
"""What ansible-playbook ends with where it was given options that can't be: `bad or incomplete options`."""


def end(problem: AnsibleError) -> NoReturn:
    """Say it, and end the run as ansible-playbook itself does: print, then exit. This playbook has not begun; what others did is recorded.

    Inside a worker, or a program of somebody's own that uses Ansible as a library, the error goes on as it is.
    """
    if multiprocessing.parent_process() is not None or not context.CLIARGS.get("args"):
        raise problem
    _run.leave()
    Terminal().error(str(problem), wrap_text=False)
    sys.exit(CODE)
