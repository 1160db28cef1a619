# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that every module with a chat connection has."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description: Address of the Rocket.Chat server. Defaults to E(ROCKETCHAT_URL). Without one, nothing is sent to chat.
    type: str
  user_id:
    description: User id of the bot. Defaults to E(ROCKETCHAT_USER_ID).
    type: str
  token:
    description: Personal access token of the bot. Defaults to E(ROCKETCHAT_TOKEN).
    type: str
  validate_certs:
    description: Whether to check the server's certificate. Defaults to E(ROCKETCHAT_VALIDATE_CERTS).
    type: bool
    default: true
  ca_path:
    description: File of the certificate authorities. Defaults to E(ROCKETCHAT_CA_PATH).
    type: path
  timeout:
    description: The timeout of a request to the server in seconds.
    type: float
    default: 10
"""
