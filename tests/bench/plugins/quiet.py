# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stdout callback that prints nothing: what a terminal costs is not what is measured."""

from __future__ import annotations

DOCUMENTATION = """
name: quiet
type: stdout
short_description: Prints nothing
description: Prints nothing.
author: Contributors to incident.response (@incident-response)
"""

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "quiet"
