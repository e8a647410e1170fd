"""The one error for bad input: it always says what is wrong, where, and how to mend it."""

from __future__ import annotations


class InputError(Exception):
    """Input that a person must mend (exit code 2).

    ``what`` says what is wrong, ``where`` names the file, row, column or hour, ``mend`` says what to do.
    None of the three may hold a secret or personal data beyond the offending value itself.
    """

    def __init__(self, what: str, *, where: str, mend: str) -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(f"{what}\n  where: {where}\n  mend:  {mend}")
