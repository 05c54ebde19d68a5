"""Names of others as text for people: nothing in them acts on a terminal, a page or a table."""

import re
import unicodedata

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of characters that move the cursor, turn the reading direction or break a
line; and halves of characters, which names of files may hold and terminals refuse."""


def plain(text: str) -> str:
    r"""`text` with what acts made visible: an escape becomes `\x1b`."""
    if text.isprintable():
        return text
    return "".join(repr(one)[1:-1] if unicodedata.category(one) in ACTING else one for one in text)


def plain_lines(text: str) -> str:
    """The same of each line."""
    return "\n".join(map(plain, text.split("\n")))


def markdown(text: str) -> str:
    """`text` as Markdown shows it as it is, in a cell as well: no HTML, no link, no code."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"[|`]|\](?=\()", lambda found: f"\\{found[0]}", text)


def in_spreadsheet(value: object) -> object:
    """A cell of a CSV file: text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
