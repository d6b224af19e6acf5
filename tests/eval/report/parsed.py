"""Reads a page back as a browser would: tags, attributes, texts."""

from __future__ import annotations

from html.parser import HTMLParser

_EMPTY = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """A parsed page.

    Attributes:
        tags: (name, attributes) of every element, in order.
        text: everything a reader sees, white space collapsed.
        unbalanced: closing tags that close nothing, and elements that are never closed.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self._pieces: list[str] = []
        self.feed(source)
        self.close()
        self.unbalanced += self._open
        self.text = " ".join(" ".join(self._pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("style", "title"):
            self._pieces.append(data)

    def named(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Attributes of every element of a name whose own attributes hold the given values."""
        return [
            own
            for name, own in self.tags
            if name == tag and all(own.get(key.rstrip("_")) == v for key, v in attributes.items())
        ]
