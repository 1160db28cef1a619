# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts of any kind: no known secret stays in one, nothing is raised, and what was masked once is not masked again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact, shown
from ansible_collections.incident.response.plugins.module_utils._core.secret_formats import MASK
from hypothesis import assume, given
from hypothesis import strategies as st

PIECES = st.sampled_from([
    "password", "=", ": ", '"', "\\", "'", "\n", "%", "&amp;", "\\u00e9", "://", "@", "-----BEGIN RSA PRIVATE KEY-----", "-p ", "eyJ", "token",
    "[", "]", "<secret>", "FOO_KEY", "mysql ", "redacted", "…", "...", " is ", "aB3", "0x", "{{", "https://", "Bearer ", "IDENTIFIED BY ",
    "\u200b", "ß", "ſ", "İ",
])  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=25).map("".join)
SECRETS = st.text(min_size=9, max_size=40).filter(lambda secret: len("".join(filter(str.isalnum, secret))) >= 9 and secret.isprintable())
WRITTEN: list[Callable[[str], str]] = [
    str, json.dumps, lambda secret: json.dumps(json.dumps(secret)), quote, lambda secret: quote(secret, safe=""), quote_plus, escape, str.upper,
    lambda secret: base64.b64encode(secret.encode()).decode(), lambda secret: base64.urlsafe_b64encode(f"ab:{secret}".encode()).decode(),
    lambda secret: secret.encode().hex(), lambda secret: "\n".join(secret[at : at + 3] for at in range(0, len(secret), 3)),
]  # fmt: skip


@given(TEXTS)
def test_any_text_is_masked_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(TEXTS, SECRETS, st.sampled_from(WRITTEN), TEXTS)
def test_no_known_secret_stays_in_any_spelling(before: str, secret: str, write: Callable[[str], str], after: str) -> None:
    written = write(secret)
    assume(written not in before + after)
    text = redact(f"{before}\n{written}\n{after}", [secret])
    assert MASK in text
    assert written not in text
    assert secret not in text


@given(TEXTS, SECRETS, st.integers(min_value=0, max_value=60), st.integers(min_value=20, max_value=80))
def test_no_cut_leaves_more_than_a_few_characters_of_a_secret(before: str, secret: str, place: int, limit: int) -> None:
    assume(secret[:9] not in before)
    assert secret[:9] not in shown("x" * place + before + secret + "y" * 99, limit, [secret])
    assert secret[:9] not in redact(cut("x" * place + secret + "y" * 99, limit), [secret])
