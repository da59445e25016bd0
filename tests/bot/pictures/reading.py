"""Reading a picture: its size as PNG, its words and where they stand as SVG."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from xml.etree import ElementTree

from bot.pictures import svg
from commands.words import printable

_NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Words:
    """One text of a picture, with its left and right ends as svg.wide() measures them."""

    text: str
    x: float
    y: float
    left: float
    right: float


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, from a PNG's first chunk."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert png[12:16] == b"IHDR"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def words_of(drawing: str) -> list[Words]:
    """Every text of a well-formed SVG, none of it beyond the paper's edges."""
    root = ElementTree.fromstring(drawing)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    assert width == svg.WIDTH
    found = []
    for each in root.iter(f"{_NAMESPACE}text"):
        text, font = each.text or "", each.get("font-family", svg.SANS)
        x, y = float(each.get("x", "nan")), float(each.get("y", "nan"))
        wide = svg.wide(text, float(each.get("font-size", "nan")), font)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[each.get("text-anchor", "start")]
        assert text == printable(text)
        assert left >= -1, text
        assert left + wide <= svg.WIDTH + 1, text
        assert 0 < y < height
        found.append(Words(text, x, y, left, left + wide))
    return found


def texts_of(drawing: str) -> list[str]:
    """The words alone."""
    return [each.text for each in words_of(drawing) if each.text]
