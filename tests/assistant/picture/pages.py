"""Pages made by hand for the tests: rows of text at given places, as the reader would return them."""

from __future__ import annotations

from assistant.picture.page import Box, Line, Page, arrange


def line(text: str, left: int, top: int, height: int = 30, confidence: float = 0.99, angle: float = 0.0) -> Line:
    """A line whose letters are half as wide as they are high."""
    return Line(text, Box(left, top, left + len(text) * height // 2, top + height), confidence, float(height), angle)


def page(*lines: Line, width: int = 1000, height: int = 1400) -> Page:
    return arrange(lines, width, height)


def stacked(*texts: str, height: int = 30, top: int = 50) -> Page:
    """Rows one under the other, all in one size; a "|" parts a row into cells."""
    lines = []
    for number, text in enumerate(texts):
        for cell, part in enumerate(text.split("|")):
            lines.append(line(part.strip(), 50 + 500 * cell, top + number * (height + 8), height))
    return page(*lines)


COVER = page(
    line("THE PICTURE", 200, 900, 70),
    line("OF DORIAN GRAY", 140, 980, 70),
    line("OSCAR WILDE", 300, 1100, 38),
)
RECEIPT = stacked(
    "HON HWA HARDWARE TRADING",
    "NO 37, JALAN MANIS 7, TAMAN SEGAR",
    "Tel: 03-9130 2672",
    "TAX INVOICE",
    "Date: 21/09/2017 10:20:37 AM",
    "Cashier: Fatin",
    "PVC WALLPLUG | 5.00",
    "ALUMINIUM ROD | 5.40",
    "SubTotal | 9.81",
    "GST 6% | 0.59",
    "Total | 10.40",
    "Cash | 20.00",
    "Change | 9.60",
)
