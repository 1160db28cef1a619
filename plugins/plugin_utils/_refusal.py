# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses a play before it begins, with only our message, without the text that ansible-core puts around a template error."""

from __future__ import annotations

import multiprocessing
import sys
from typing import NoReturn

from ansible import context
from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.plugin_utils import _run
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

CODE = 5
"""The exit code of ansible-playbook for `bad or incomplete options`."""


def end(problem: AnsibleError) -> NoReturn:
    """Print the message and exit, as ansible-playbook itself does. This playbook has not begun, and the runs of other playbooks are recorded. Inside
    a worker, or in a program that uses Ansible as a library, the error is raised unchanged."""
    if multiprocessing.parent_process() is not None or not context.CLIARGS.get("args"):
        raise problem
    _run.leave()
    Terminal().error(str(problem), wrap_text=False)
    sys.exit(CODE)
