"""A page as its reader has it: tables by their id, and what an accessibility check looks at."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "wbr", "br", "link", "hr", "input"}


@dataclass
class Element:
    """An element with its attributes, its text, and the elements it lies in."""

    tag: str
    attributes: dict[str, str]
    inside: tuple["Element", ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page, in order. AssertionError: they are not nested well."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, tuple(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """The elements of these kinds."""
        return [element for element in self.elements if element.tag in tags]

    def table(self, anchor: str) -> list[dict[str, str]]:
        """The rows of a table, text by heading."""
        cells = [
            (element, row)
            for element in self.all("th", "td")
            if any(outer.attributes.get("id") == anchor for outer in element.inside)
            for row in element.inside
            if row.tag == "tr"
        ]
        rows: dict[int, list[str]] = {}
        for cell, row in cells:
            rows.setdefault(id(row), []).append(cell.text.strip())
        head, *body = rows.values()
        return [dict(zip(head, row, strict=True)) for row in body]

    def section(self, anchor: str) -> str:
        """The text of a section, in one line."""
        (found,) = (
            element
            for element in self.all("section")
            if element.attributes["aria-labelledby"] == anchor
        )
        return " ".join(found.text.split())


def read(text: str) -> Page:
    """Parse a whole page."""
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, f"{[element.tag for element in page.open]} are not ended"
    return page
