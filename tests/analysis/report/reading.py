"""A page as its reader has it: tables by their id, and what an accessibility check looks at."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "img", "wbr", "br", "link", "hr", "input"}


@dataclass(repr=False)
class Element:
    """An element with its attributes, its text, and the elements it lies in."""

    tag: str
    attributes: dict[str, str]
    inside: tuple["Element", ...]
    text: str = ""


@dataclass(repr=False)
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
        unseen = self.open and self.open[-1].tag in {"script", "style"}
        for element in self.open[-1:] if unseen else self.open:
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


def structure_faults(page: Page) -> list[str]:
    """What an accessibility check would find in the structure of a page."""
    faults = []
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    faults += [f"id {one} twice" for one in set(ids) if ids.count(one) > 1]
    levels = [int(one.tag[1]) for one in page.all("h1", "h2", "h3", "h4")]
    if levels.count(1) != 1 or any(b - a > 1 for a, b in pairwise(levels)):
        faults.append(f"headings {levels}")
    for one in page.elements:
        named = one.attributes.get("aria-labelledby") or one.attributes.get("href", "").lstrip("#")
        if named and named not in ids:
            faults.append(f"nothing is called {named}")
    faults += ["an image without alt" for one in page.all("img") if not one.attributes.get("alt")]
    faults += ["a th without scope" for one in page.all("th") if "scope" not in one.attributes]
    faults += [
        f"empty {one.tag}" for one in page.all("th", "h2", "caption") if not one.text.strip()
    ]
    captions = [
        [outer.tag for outer in one.inside][-1] for one in page.all("caption", "figcaption")
    ]
    if captions.count("table") != len(page.all("table")):
        faults.append("a table without caption")
    if captions.count("figure") != len(page.all("figure")):
        faults.append("a figure without caption")
    scrolled = [one for one in page.elements if one.attributes.get("class") in {"scroll", "plate"}]
    faults += ["a part that keys cannot scroll" for x in scrolled if "tabindex" not in x.attributes]
    (html,) = page.all("html")
    return faults if html.attributes.get("lang") == "en" else [*faults, "no language"]
