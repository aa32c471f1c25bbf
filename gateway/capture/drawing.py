"""Tools of the simulator's drawings: smooth noise, soft masks, curved strokes and lettering."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Plane = npt.NDArray[np.floating[Any]]
"""Rows x columns, mostly 0 to 1."""


def grid(rows: int, columns: int) -> tuple[Plane, Plane]:
    """Row and column coordinates, centred, with half the smaller side as unit."""
    unit = min(rows, columns) / 2
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return (y - (rows - 1) / 2) / unit, (x - (columns - 1) / 2) / unit


def smooth_noise(random: np.random.Generator, rows: int, columns: int, cells: int, octaves: int = 4) -> Plane:
    """Clouds between 0 and 1: noise of `cells` cells across, with finer and fainter noise over it."""
    total = np.zeros((rows, columns), np.float32)
    weight = 0.0
    for octave in range(octaves):
        count = cells * 2**octave
        shape = (max(2, round(count * rows / max(rows, columns))), max(2, round(count * columns / max(rows, columns))))
        coarse = Image.fromarray(random.random(shape, dtype=np.float32))
        strength = 0.55**octave
        total += strength * np.asarray(coarse.resize((columns, rows), Image.Resampling.BICUBIC))
        weight += strength
    clouds: Plane = np.clip(total / weight, 0, 1)
    return clouds


def soft_disc(y: Plane, x: Plane, centre: tuple[float, float], radius: float, edge: float) -> Plane:
    """1 inside a disc, 0 outside, falling over `edge`."""
    distance = np.hypot(y - centre[0], x - centre[1])
    disc: Plane = np.clip((radius - distance) / edge + 0.5, 0, 1)
    return disc


def blurred(plane: Plane, radius: float) -> Plane:
    """A plane through a Gaussian blur of `radius` pixels."""
    scaled = Image.fromarray((np.clip(plane, 0, 1) * 255).astype(np.uint8))
    return np.asarray(scaled.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def strokes(rows: int, columns: int, paths: list[tuple[list[tuple[float, float]], float]], scale: int = 2) -> Plane:
    """Round-ended lines through points (column, row) with widths in pixels, smooth at their edges."""
    canvas = Image.new("L", (columns * scale, rows * scale))
    pen = ImageDraw.Draw(canvas)
    for points, width in paths:
        scaled = [(px * scale, py * scale) for px, py in points]
        thickness = max(1, round(width * scale))
        pen.line(scaled, fill=255, width=thickness, joint="curve")
        for px, py in scaled:
            half = thickness / 2
            pen.ellipse((px - half, py - half, px + half, py + half), fill=255)
    small = canvas.resize((columns, rows), Image.Resampling.LANCZOS)
    return np.asarray(small, np.float32) / 255


def lettered(image: Image.Image, lines: list[tuple[tuple[int, int], str, int]], fill: int | tuple[int, ...]) -> None:
    """Write lines of text (position, text, size in pixels) into an image."""
    pen = ImageDraw.Draw(image)
    for position, text, size in lines:
        pen.text(position, text, fill=fill, font=ImageFont.load_default(size))


def to_rgb(red: Plane, green: Plane, blue: Plane) -> Image.Image:
    """Three planes as an image."""
    return Image.fromarray((np.clip(np.dstack((red, green, blue)), 0, 1) * 255).astype(np.uint8))
