"""The secret key of pseudonyms: where it comes from, and that it is never shown."""

import hashlib
import os
from pathlib import Path
from typing import Final, Self

from continuity.errors import UsageError

VARIABLE: Final = "CONTINUITY_KEY"
SHORTEST: Final = 16  # bytes: a shorter key could be found by trying all, and with it every identity code
_BLOCK: Final = 64
_LETTERS: Final = bytes.maketrans(b"0123456789abcdef", b"bcdfghjklmnpqrst")  # no vowels: no words
_MAKE: Final = 'python -c "import secrets; print(secrets.token_hex(32))" > key'


class Key:
    """A secret key, and the pseudonyms that it makes.

    Parameters
    ----------
    secret : str or bytes
        At least 16 bytes, text in UTF-8; white space around it is no part of it.

    Raises
    ------
    UsageError
        The key is too short.

    Examples
    --------
    >>> Key("a secret of the house")
    Key(...)
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: str | bytes) -> None:
        raw = (secret.encode() if isinstance(secret, str) else secret).strip()
        if len(raw) < SHORTEST:
            raise UsageError(
                f"The key of the pseudonyms has {len(raw)} bytes.",
                allowed=f"Needed: {SHORTEST} or more.",
                next_step=f"Make one with: {_MAKE}",
            )
        block = (hashlib.sha256(raw).digest() if len(raw) > _BLOCK else raw).ljust(_BLOCK, b"\0")
        self._inner, self._outer = bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)

    def __repr__(self) -> str:
        return "Key(...)"

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read the key from a file.

        Raises
        ------
        UsageError
            The file cannot be read, or its key is too short.
        """
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise UsageError(
                f"The key file {Path(path).name} cannot be read: {error.strerror or 'no file'}.",
                next_step=f"Make one with: {_MAKE}",
            ) from None

    @classmethod
    def from_environment(cls) -> Self:
        """Read the key from the environment variable CONTINUITY_KEY.

        Raises
        ------
        UsageError
            The variable is not set, or its key is too short.
        """
        secret = os.environ.get(VARIABLE)
        if secret is None:
            raise UsageError(
                "Pseudonyms need a secret key.",
                allowed=f"Allowed: --key-file FILE, or the environment variable {VARIABLE}.",
                next_step=f"Make one with: {_MAKE}",
            )
        return cls(secret)

    def pseudonyms(self, texts: list[str], person: str) -> list[str]:
        """Give the pseudonym of each text: the first 128 bits of HMAC-SHA-256 of "person:text", as 32 letters.

        The letters stand for the hexadecimal digits. Digits would look like numbers to a spreadsheet (12e456 is one)
        and like identity codes to those who search for them.

        References
        ----------
        RFC 2104 (HMAC; section 5 on its truncation). Written out, because ``hmac.digest`` takes three times as long.

        Examples
        --------
        >>> Key("a secret of the house").pseudonyms(["P1"], "patient")
        ['bhppdjnsrrklpktjftfqfsftfqgffgqr']
        """
        inner, outer, sha256 = self._inner + f"{person}:".encode(), self._outer, hashlib.sha256
        return [
            sha256(outer + sha256(inner + text.encode()).digest()).hexdigest()[:32].translate(_LETTERS)
            for text in texts
        ]
