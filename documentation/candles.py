"""Bars with marks as an SVG picture: plain text without fonts or scripts, on a card as light or dark as its reader."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars

LEFT, RIGHT, TOP, BOTTOM = 64.0, 122.0, 42.0, 30.0
VOLUME_SHARE, BETWEEN = 0.2, 14.0
ROOM = 34.0  # above the highest price and below the lowest one, for a text and its lead
TEXT_HEIGHT, TEXT_WIDTH = 14.0, 6.5  # of a line, and of a character at most, at 12 pixels
STYLE = """
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#4a5160}
.card{fill:#fff;stroke:#d5d9e0}.grid{stroke:#eceef2}.title{font-weight:600;font-size:14px;fill:#1c2330}
.up{fill:#fff;stroke:#6b7483}.down{fill:#6b7483;stroke:#6b7483}.wick{stroke:#6b7483}.volume{fill:#c9cfd8}
.key{fill:#e08a00}.pattern{stroke:#e08a00;fill:#e08a00}.zone{fill:#e08a00;fill-opacity:.12}
.reward{fill:#14906f;fill-opacity:.16}.risk{fill:#d03f4f;fill-opacity:.16}
.target{stroke:#14906f}.stop{stroke:#d03f4f}.entry{stroke:#2a6fdb}.mean{stroke:#9aa2af}.lead{stroke:#9aa2af}
.b{font-weight:600;fill:#1c2330}.tt{fill:#0f7a5d;font-weight:600}.ts{fill:#c02f40;font-weight:600}
.te{fill:#1f5fc4;font-weight:600}.tp{fill:#a86500;font-weight:600}.mark{fill:#2a6fdb;stroke:#fff}
path,line{fill:none}.dash{stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){text{fill:#aab2bf}.card{fill:#12161d;stroke:#2b323d}.grid{stroke:#222833}
.title,.b{fill:#e8ecf2}.up{fill:#12161d;stroke:#8d97a6}.down{fill:#8d97a6;stroke:#8d97a6}.wick{stroke:#8d97a6}
.volume{fill:#3a4350}.zone{fill-opacity:.16}.reward,.risk{fill-opacity:.24}.mean,.lead{stroke:#66707e}
.tt{fill:#3fc79f}.ts{fill:#ff7a86}.te{fill:#74a8ff}.tp{fill:#f5b14a}.mark{stroke:#12161d}}
""".replace("\n", "")


@dataclass(frozen=True)
class Line:
    """A price from one bar to another, or a stepped path of prices, in a style."""

    first: int
    prices: tuple[float, ...]
    style: str

    @classmethod
    def level(cls, first: int, last: int, price: float, style: str) -> Line:
        """Return one price from a bar to another."""
        return cls(first, (price,) * (last - first + 1), style)


@dataclass(frozen=True)
class Box:
    """A stretch of bars between two prices."""

    first: int
    last: int
    low: float
    high: float
    style: str


@dataclass(frozen=True)
class Dot:
    """A point on a bar."""

    bar: int
    price: float
    style: str


@dataclass(frozen=True)
class Note:
    """A text that leads to a point; above or below it where there is room.

    Attributes
    ----------
    price : float
        Where the text leads to from its own side.
    other : float, optional
        Where it leads to from the other side, if that is another price: the other end of the bar.
    """

    bar: int
    price: float
    text: str
    above: bool
    style: str = "b"
    other: float | None = None

    @classmethod
    def of_bar(cls, bars: Bars, bar: int, text: str, *, above: bool, style: str = "b") -> Note:
        """Return a text that leads to an end of a bar."""
        ends = float(bars.high[bar]), float(bars.low[bar])
        price, other = ends if above else ends[::-1]
        return cls(bar, price, text, above, style, other)


@dataclass(frozen=True)
class Tag:
    """A price named at the right edge."""

    price: float
    text: str
    style: str


Mark = Line | Box | Dot | Note | Tag
Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes
    ----------
    first, last : int
        The bars shown, both included.
    marks : tuple
        Marks; bars are indices of `bars`, prices are prices.
    loud : mapping of int to str
        Bars whose volume is part of the pattern, and what is said of it (may be nothing).
    usual : float64, shape (n,)
        What volume is compared with.
    """

    bars: Bars
    first: int
    last: int
    title: str
    marks: tuple[Mark, ...]
    usual: np.ndarray[tuple[int], np.dtype[np.float64]]
    loud: dict[int, str] = field(default_factory=dict)
    width: float = 960.0
    height: float = 540.0


@dataclass(frozen=True)
class Scale:
    """From bars, prices and volumes to pixels."""

    first: int
    step: float
    low: float
    high: float
    price_bottom: float
    most: float
    volume_top: float
    volume_bottom: float

    @classmethod
    def of(cls, picture: Picture) -> Scale:
        """Fit the shown bars and every marked price."""
        shown = slice(picture.first, picture.last + 1)
        bars = picture.bars
        prices = [float(bars.low[shown].min()), float(bars.high[shown].max())]
        for mark in picture.marks:
            if isinstance(mark, Box):
                prices += [mark.low, mark.high]
            elif isinstance(mark, Tag):
                prices.append(mark.price)
        inner = picture.height - TOP - BOTTOM - BETWEEN
        free = (1.0 - VOLUME_SHARE) * inner - 2.0 * ROOM
        room = ROOM / free * (max(prices) - min(prices))
        return cls(
            first=picture.first,
            step=(picture.width - LEFT - RIGHT) / (picture.last - picture.first + 1),
            low=min(prices) - room,
            high=max(prices) + room,
            price_bottom=TOP + (1.0 - VOLUME_SHARE) * inner,
            most=1.25 * float(max(bars.volume[shown].max(), np.nanmax(picture.usual[shown]))),
            volume_top=TOP + (1.0 - VOLUME_SHARE) * inner + BETWEEN,
            volume_bottom=picture.height - BOTTOM,
        )

    def x(self, bar: float) -> float:
        """Return the middle of a bar."""
        return LEFT + (bar - self.first + 0.5) * self.step

    def y(self, price: float) -> float:
        """Return the height of a price."""
        return self.price_bottom - (price - self.low) / (self.high - self.low) * (self.price_bottom - TOP)

    def v(self, volume: float) -> float:
        """Return the height of a volume."""
        return self.volume_bottom - volume / self.most * (self.volume_bottom - self.volume_top)


def svg(picture: Picture, description: str) -> str:
    """Return the picture as SVG text."""
    scale = Scale.of(picture)
    head = f'viewBox="0 0 {picture.width:g} {picture.height:g}" width="{picture.width:g}" height="{picture.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {head} role="img">',
        f"<title>{escape(picture.title)}</title><desc>{escape(description)}</desc><style>{STYLE}</style>",
        f'<rect class="card" x=".5" y=".5" width="{picture.width - 1:g}" height="{picture.height - 1:g}" rx="8"/>',
        _text(LEFT, 27.0, picture.title, "title"),
        *_price_axis(picture, scale),
        *_time_axis(picture, scale),
        *(_box(mark, scale) for mark in picture.marks if isinstance(mark, Box)),
        *_volumes(picture, scale),
        *_candles(picture, scale),
        *(_line(mark, scale) for mark in picture.marks if isinstance(mark, Line)),
        *(_dot(mark, scale) for mark in picture.marks if isinstance(mark, Dot)),
        *_notes(picture, scale),
        *_tags(picture, scale),
    ]
    return "\n".join([*parts, "</svg>\n"])


def price_text(price: float, step: float) -> str:
    """Return a price with the decimals that tell prices a step apart."""
    return f"{price:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    at = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{kind}{at}>{escape(text)}</text>'


def round_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that divides a span into at most so many parts."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * k for k in (1.0, 2.0, 5.0, 10.0) if span / (power * k) <= most)


def _price_axis(picture: Picture, scale: Scale) -> list[str]:
    step = round_step(scale.high - scale.low, 7)
    first = math.ceil(scale.low / step)
    ticks = [step * k for k in range(first, math.floor(scale.high / step) + 1)]
    right = picture.width - RIGHT
    lines = "".join(f"M{_n(LEFT)} {_n(scale.y(p))}H{_n(right)}" for p in ticks)
    names = [_text(LEFT - 8, scale.y(p) + 4, price_text(p, step), anchor="end") for p in ticks]
    return [f'<path class="grid" d="{lines}"/>', *names, _text(LEFT - 8, scale.volume_top + 10, "volume", anchor="end")]


def _time_axis(picture: Picture, scale: Scale) -> list[str]:
    """Name whole hours; the day where it begins and at the first of them."""
    frame = picture.bars.market.timeframe.ms
    bars = range(picture.first, picture.last + 1)
    steps = [frame * k for k in (6, 12, 24, 36, 72, 144, 288)]
    step = next(s for s in steps if len(bars) * frame / s <= (picture.width - LEFT - RIGHT) / 90.0)
    parts, lines, named = [], [], ""
    for bar in bars:
        time = int(picture.bars.time[bar])
        if time % step:
            continue
        moment = np.datetime64(time, "ms").item()
        day = f"{moment:%d %b}"
        text = f"{moment:%H:%M}" if day == named else f"{day} {moment:%H:%M}"
        named = day
        lines.append(f"M{_n(scale.x(bar))} {_n(TOP)}V{_n(scale.volume_bottom)}")
        parts.append(_text(scale.x(bar), picture.height - 11, text, anchor="middle"))
    return [f'<path class="grid" d="{"".join(lines)}"/>', *parts]


def _box(box: Box, scale: Scale) -> str:
    left, right = scale.x(box.first - 0.5), scale.x(box.last + 0.5)
    top, bottom = scale.y(box.high), scale.y(box.low)
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}"'
    return f'<rect class="{box.style}" {place}/>'


def _candles(picture: Picture, scale: Scale) -> list[str]:
    half = max(1.0, 0.34 * scale.step)
    bodies: dict[str, list[str]] = {"up": [], "down": []}
    wicks = []
    bars = picture.bars
    for i in range(picture.first, picture.last + 1):
        if bars.absent[i]:
            continue
        x = scale.x(i)
        top, bottom = sorted((scale.y(bars.open[i]), scale.y(bars.close[i])))
        wicks.append(f"M{_n(x)} {_n(scale.y(bars.high[i]))}V{_n(scale.y(bars.low[i]))}")
        body = f"M{_n(x - half)} {_n(top)}h{_n(2 * half)}v{_n(max(bottom - top, 0.6))}h{_n(-2 * half)}z"
        bodies["up" if bars.close[i] >= bars.open[i] else "down"].append(body)
    return [
        f'<path class="wick" d="{"".join(wicks)}"/>',
        *(f'<path class="{side}" d="{"".join(d)}"/>' for side, d in bodies.items() if d),
    ]


def _volumes(picture: Picture, scale: Scale) -> list[str]:
    """Draw the volume of every bar, those of the pattern apart, and what is usual."""
    wide = max(1.0, 0.68 * scale.step)
    parts: dict[str, list[str]] = {"volume": [], "key": []}
    for i in range(picture.first, picture.last + 1):
        y = scale.v(picture.bars.volume[i])
        bar = f"M{_n(scale.x(i) - wide / 2)} {_n(y)}h{_n(wide)}V{_n(scale.volume_bottom)}h{_n(-wide)}z"
        parts["key" if i in picture.loud else "volume"].append(bar)
    usual = picture.usual[picture.first : picture.last + 1]
    known = [f"{_n(scale.x(picture.first + i))} {_n(scale.v(u))}" for i, u in enumerate(usual) if not math.isnan(u)]
    return [
        *(f'<path class="{style}" d="{"".join(d)}"/>' for style, d in parts.items() if d),
        f'<path class="mean" d="M{"L".join(known)}"/>',
    ]


def _line(line: Line, scale: Scale) -> str:
    """Draw a step for every price, from the left of its bar to the right."""
    left = scale.x(line.first - 0.5)
    path = f"M{_n(left)} {_n(scale.y(line.prices[0]))}"
    for i, price in enumerate(line.prices):
        following = line.prices[i + 1] if i + 1 < len(line.prices) else None
        if following != price:
            path += f"H{_n(scale.x(line.first + i + 0.5))}"
            path += f"V{_n(scale.y(following))}" if following is not None else ""
    return f'<path class="{line.style}" stroke-width="1.6" d="{path}"/>'


def _dot(dot: Dot, scale: Scale) -> str:
    return f'<circle class="{dot.style}" cx="{_n(scale.x(dot.bar))}" cy="{_n(scale.y(dot.price))}" r="4"/>'


def _overlap(a: Rectangle, b: Rectangle) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _around(x: float, y: float, text: str) -> Rectangle:
    """Return the rectangle of a text whose middle is x and whose base line is y."""
    half = 0.5 * TEXT_WIDTH * len(text)
    return x - half, y - TEXT_HEIGHT + 2, x + half, y + 4


def _obstacles(picture: Picture, scale: Scale) -> list[Rectangle]:
    half, bars = 0.5 * scale.step, picture.bars
    found = [
        (scale.x(i) - half, scale.y(bars.high[i]) - 2, scale.x(i) + half, scale.y(bars.low[i]) + 2)
        for i in range(picture.first, picture.last + 1)
    ]
    for mark in picture.marks:
        if isinstance(mark, Line):
            found += [
                (scale.x(mark.first + i - 0.5), scale.y(p) - 2, scale.x(mark.first + i + 0.5), scale.y(p) + 2)
                for i, p in enumerate(mark.prices)
            ]
    return found


@dataclass(frozen=True)
class _Placed:
    """Where a text stands, and its lead to the point."""

    x: float
    y: float
    text: Rectangle
    lead: tuple[float, float, float, float]  # from x, y to x, y

    @classmethod
    def at(cls, x: float, y: float, note: Note, x0: float, y0: float) -> _Placed:
        box = _around(x, y, note.text)
        near = min(max(x0, box[0] + 4), box[2] - 4)
        lead = (near, box[3], x0, y0 - 5) if y < y0 else (near, box[1], x0, y0 + 5)
        return cls(x, y, box, lead)

    @property
    def lead_box(self) -> Rectangle:
        x1, y1, x2, y2 = self.lead
        return min(x1, x2) - 2, min(y1, y2), max(x1, x2) + 2, max(y1, y2)


def _place(note: Note, scale: Scale, right: float, taken: Sequence[Rectangle], texts: Sequence[Rectangle]) -> _Placed:
    """Put a text where it covers nothing, as near to its point as can be; on its own side of it first."""
    x0 = scale.x(note.bar)
    half = 0.5 * TEXT_WIDTH * len(note.text)

    def put(place: tuple[int, float, float]) -> _Placed:
        other_side, dx, dy = place
        up = note.above != bool(other_side)
        y0 = scale.y(note.other if other_side and note.other is not None else note.price)
        return _Placed.at(x0 + dx, y0 - dy if up else y0 + dy + TEXT_HEIGHT - 4, note, x0, y0)

    def cost(place: tuple[int, float, float]) -> tuple[float, float]:
        other_side, dx, dy = place
        placed = put(place)
        left, top, end, bottom = placed.text
        outside = max(0.0, TOP - top, LEFT - left, bottom - scale.price_bottom, end - right)
        covered = sum(_overlap(placed.text, other) for other in taken)
        covered += 10.0 * sum(_overlap(placed.lead_box, other) for other in texts)
        return covered + 1000.0 * outside, dy + 0.35 * abs(dx) + 60.0 * other_side

    sideways = (0.0, -0.5 * half, 0.5 * half, -half, half, -1.6 * half, 1.6 * half)
    return put(min(product((0, 1), sideways, np.arange(14.0, 200.0, 6.0).tolist()), key=cost))


def _notes(picture: Picture, scale: Scale) -> list[str]:
    taken, right = _obstacles(picture, scale), picture.width - RIGHT
    texts: list[Rectangle] = []
    parts = []
    for note in (mark for mark in picture.marks if isinstance(mark, Note)):
        placed = _place(note, scale, right, taken, texts)
        taken += [placed.text, placed.lead_box]
        texts.append(placed.text)
        x1, y1, x2, y2 = placed.lead
        parts.append(f'<path class="lead" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"/>')
        parts.append(_text(placed.x, placed.y, note.text, note.style, "middle"))
    for bar, text in picture.loud.items():
        half = 0.5 * TEXT_WIDTH * len(text)
        x = min(max(scale.x(bar), LEFT + half), right - half)
        reach = math.ceil(half / scale.step)
        near = picture.bars.volume[max(bar - reach, picture.first) : min(bar + reach, picture.last) + 1]
        parts.append(_text(x, scale.v(float(near.max())) - 5, text, "tp", "middle"))
    return parts


def _tags(picture: Picture, scale: Scale) -> list[str]:
    """Name prices at the right edge, moved apart where they are too near."""
    tags = sorted((mark for mark in picture.marks if isinstance(mark, Tag)), key=lambda tag: -tag.price)
    heights = spread([scale.y(tag.price) for tag in tags], TEXT_HEIGHT + 1)
    left = picture.width - RIGHT
    parts = []
    for tag, y in zip(tags, heights, strict=True):
        parts.append(f'<path class="lead" d="M{_n(left)} {_n(scale.y(tag.price))}L{_n(left + 8)} {_n(y)}"/>')
        parts.append(_text(left + 11, y + 4, tag.text, tag.style))
    return parts


def spread(heights: Sequence[float], least: float) -> list[float]:
    """Move ascending heights apart to a least distance, each group around its own middle."""
    groups: list[list[float]] = []  # first height, sum of the members' own heights, members
    for height in heights:
        groups.append([height, height, 1])
        while len(groups) > 1 and groups[-2][0] + groups[-2][2] * least > groups[-1][0]:
            _, total, members = groups.pop()
            last = groups[-1]
            last[1], last[2] = last[1] + total, last[2] + members
            last[0] = last[1] / last[2] - 0.5 * (last[2] - 1) * least
    return [first + k * least for first, _, members in groups for k in range(int(members))]
