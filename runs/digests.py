"""JSON that carries a digest of itself, so that no flipped digit is taken for a score.

The digest is the first member of the object, on its first line: `{"digest": "…",`. It is the
BLAKE2b of all bytes after that line's comma. A file without one, of an earlier version or written
by hand, is read as it is.
"""

import re
from hashlib import blake2b

from runs.errors import EosweepError

_HEAD = re.compile(rb'\{"digest": "([0-9a-f]{32})",')


class DamagedError(EosweepError):
    """The content is not the one that the digest was made of."""


def with_digest(text: str) -> str:
    """`text`, a JSON object with at least one member, with its digest."""
    rest = text.lstrip()[1:]
    return f'{{"digest": "{_digest(rest.encode())}",{rest}'


def without_digest(content: bytes) -> bytes:
    """A JSON object, without the digest that it carries, if it does.

    Raises:
        DamagedError: it was changed since it was written.
    """
    head = _HEAD.match(content)
    if head is None:
        return content
    rest = content[head.end() :]
    if _digest(rest) != head[1].decode():
        raise DamagedError("its content does not match its digest")
    return b"{" + rest


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
