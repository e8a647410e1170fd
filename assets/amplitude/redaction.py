"""Keeps credentials out of texts that come from outside, in whatever form they are echoed."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True)
class Redaction:
    """Call it with a text to get the text without secrets."""

    _forms: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, api_key: str, secret_key: str) -> Redaction:
        """Plain, base64 (alone and as Basic credentials) and URL-encoded forms of both."""
        plain = [f"{api_key}:{secret_key}", api_key, secret_key]
        forms = {form for text in plain if text for form in (text, b64encode(text.encode()).decode(), quote(text, ""))}
        forms |= {form.rstrip("=") for form in forms}
        return cls(tuple(sorted(forms, key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "***")
        return text
