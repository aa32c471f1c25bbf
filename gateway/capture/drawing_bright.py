"""Colour photographs of the simulator: the back of an eye, and a look into a bowel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from gateway.capture.drawing import Plane, blurred, grid, lettered, smooth_noise, soft_disc, strokes, to_rgb

_FUNDUS_ROWS, _FUNDUS_COLUMNS = 1200, 1440
_CUT_AT = 0.93
_ENDOSCOPY_ROWS, _ENDOSCOPY_COLUMNS = 1080, 1350


def fundus(random: np.random.Generator, seed: int) -> Image.Image:
    """A retina in its round field: optic disc with cup, vessels in arcades, macula, the odd drusen."""
    rows, columns = _FUNDUS_ROWS, _FUNDUS_COLUMNS
    y, x = grid(rows, columns)
    side = 1.0 if seed % 2 == 0 else -1.0
    disc = (float(random.uniform(-0.04, 0.08)), side * float(random.uniform(0.42, 0.48)))
    field = soft_disc(y, x, (0, 0), 0.965, 0.012) * np.clip(1.25 - np.abs(y) * 0.05, 0, 1)
    field *= np.abs(y) < _CUT_AT
    clouds = smooth_noise(random, rows, columns, 5, 5)
    fine = smooth_noise(random, rows, columns, 90, 2)
    light = 1.04 - 0.34 * (y**2 + x**2) + 0.1 * (clouds - 0.5)
    red = light * (0.80 + 0.06 * fine)
    green = light * (0.37 + 0.13 * (clouds - 0.5) + 0.05 * (fine - 0.5))
    blue = light * (0.135 + 0.05 * (clouds - 0.5))
    macula = np.exp(-(((y - 0.07) ** 2 + (x - disc[1] + side * 0.56) ** 2) / 0.035)).astype(np.float32)
    red, green, blue = red * (1 - 0.22 * macula), green * (1 - 0.42 * macula), blue * (1 - 0.45 * macula)
    veins, arteries = _vessels(random, rows, columns, disc, side)
    for vessels, depth in ((veins, (0.34, 0.62, 0.52)), (arteries, (0.17, 0.42, 0.40))):
        red, green, blue = (plane * (1 - part * vessels) for plane, part in zip((red, green, blue), depth, strict=True))
    red, green, blue = _with_disc((red, green, blue), (y, x), disc, side, 1 - 0.72 * np.maximum(veins, arteries * 0.6))
    for centre, radius in _spots(random):
        spot = soft_disc(y, x, centre, radius, radius)
        red, green, blue = red + 0.1 * spot, green + 0.17 * spot, blue + 0.05 * spot
    noise = random.normal(0, 0.011, (3, rows, columns)).astype(np.float32)
    image = to_rgb(red * field + noise[0] * field, green * field + noise[1] * field, blue * field + noise[2] * field)
    label = "OD" if side > 0 else "OS"
    lettered(image, [((24, rows - 66), f"{label}  45\N{DEGREE SIGN}", 40)], (205, 205, 205))
    return image


def _with_disc(
    planes: tuple[Plane, Plane, Plane], at: tuple[Plane, Plane], disc: tuple[float, float], side: float, keep: Plane
) -> tuple[Plane, Plane, Plane]:
    """The optic disc with its paler cup, under the vessels that `keep` leaves dark."""
    red, green, blue = planes
    y, x = at
    rim = soft_disc(y, x * 1.08 - disc[1] * 0.08, disc, 0.125, 0.03) * 0.86 * keep
    cup = soft_disc(y, x, (disc[0], disc[1] + side * 0.012), 0.058, 0.03)
    return red + rim * (0.97 - red), green + rim * (0.66 + 0.2 * cup - green), blue + rim * (0.36 + 0.28 * cup - blue)


def _spots(random: np.random.Generator) -> list[tuple[tuple[float, float], float]]:
    count = int(random.integers(0, 14))
    return [
        ((float(random.normal(0.05, 0.2)), float(random.normal(-0.1, 0.22))), float(random.uniform(0.004, 0.013)))
        for _ in range(count)
    ]


def _vessels(
    random: np.random.Generator, rows: int, columns: int, disc: tuple[float, float], side: float
) -> tuple[Plane, Plane]:
    """Veins and arteries: four arcades each, with branches that thin out."""
    unit = min(rows, columns) / 2
    layers: list[Plane] = []
    for offset, width in ((0.0, 11.0), (0.05, 7.5)):
        paths: list[tuple[list[tuple[float, float]], float]] = []
        for up in (-1.0, 1.0):
            for outward in (-side, side):
                start = np.array([disc[1], disc[0]])
                angle = np.arctan2(up, outward * 0.35) + offset * up * 3
                bend = (0.021 if outward == -side else 0.013) * np.sign(outward) * up
                _grow(random, paths, _Shoot(start, float(angle), float(bend), width, 70, 3))
        turned = [([(px * unit + columns / 2, py * unit + rows / 2) for px, py in path], w) for path, w in paths]
        layers.append(blurred(strokes(rows, columns, turned), 1.2))
    return layers[0], layers[1]


@dataclass(frozen=True, slots=True)
class _Shoot:
    """Where a vessel starts, whither, how it bends, its width in pixels, its length in steps and its branchings."""

    start: npt.NDArray[np.float64]
    angle: float
    bend: float
    width: float
    steps: int
    depth: int


def _grow(random: np.random.Generator, paths: list[tuple[list[tuple[float, float]], float]], shoot: _Shoot) -> None:
    """One vessel, bending steadily, wavering a little, and branching as its depth allows."""
    here, angle, width = shoot.start, shoot.angle, shoot.width
    stretch = [(float(here[0]), float(here[1]))]
    for step in range(shoot.steps):
        angle += -shoot.bend + float(random.normal(0, 0.055))
        here = here + 0.021 * np.array([np.cos(angle), np.sin(angle)])
        stretch.append((float(here[0]), float(here[1])))
        if shoot.depth and step > 6 and random.random() < 0.085:  # noqa: PLR2004 - how often vessels branch, by eye
            turn = float(random.choice([-1.0, 1.0])) * float(random.uniform(0.45, 0.95))
            steps = int(shoot.steps * 0.55)
            _grow(random, paths, _Shoot(here, angle + turn, shoot.bend * 0.2, width * 0.58, steps, shoot.depth - 1))
            width *= 0.93
        if len(stretch) > 9:  # noqa: PLR2004 - short stretches let a vessel taper
            paths.append((stretch, width))
            stretch, width = stretch[-1:], width * 0.87
    paths.append((stretch, width))


def endoscopy(random: np.random.Generator, seed: int) -> Image.Image:
    """A bowel lumen with folds, fine vessels and wet highlights, in the eight-sided window of a video endoscope."""
    rows, columns = _ENDOSCOPY_ROWS, _ENDOSCOPY_COLUMNS
    y, x = grid(rows, columns)
    centre = random.uniform(-0.22, 0.22, 2)
    dy, dx = y - centre[0], x - centre[1]
    clouds = smooth_noise(random, rows, columns, 4, 5)
    angle = np.arctan2(dy, dx)
    radius = np.hypot(dy, dx) * (1 + 0.10 * np.sin(3 * angle + random.uniform(0, 6))) + 0.16 * (clouds - 0.5)
    depth = np.log(np.clip(radius, 0.04, None)) * 5.2 + float(random.uniform(0, 6))
    folds = 0.5 + 0.5 * np.sin(depth + 0.5 * np.sin(3 * angle))
    light = np.clip((radius - 0.10) / 0.75, 0, 1) ** 0.8 * (1.12 - 0.32 * np.hypot(y, x))
    light = light * (0.44 + 0.62 * folds**1.4)
    fine = smooth_noise(random, rows, columns, 60, 3)
    net = np.clip(1 - np.abs(smooth_noise(random, rows, columns, 13, 4) - 0.5) * 36, 0, 1) * np.clip(radius, 0, 1)
    red = light * (0.95 + 0.07 * (fine - 0.5)) * (1 - 0.10 * net)
    green = light * (0.53 + 0.13 * (clouds - 0.5) + 0.06 * (fine - 0.5)) * (1 - 0.34 * net)
    blue = light * (0.43 + 0.10 * (clouds - 0.5)) * (1 - 0.28 * net)
    wet = blurred(np.clip((fine * folds * np.clip(light, 0, 1) - 0.47) * 7, 0, 1), 1.6) * 0.85
    window = (np.abs(x) < 1.06) & (np.abs(y) < 0.985) & (np.abs(x) + np.abs(y) < 1.72)  # noqa: PLR2004 - the mask
    mask = blurred(window.astype(np.float32), 1.5)
    noise = random.normal(0, 0.012, (rows, columns)).astype(np.float32)
    image = to_rgb(*((plane + wet + noise) * mask for plane in (red, green, blue)))
    lettered(image, [((18, rows - 54), f"CF {seed % 100:02d}", 32), ((18, 16), "SCV 12", 26)], (190, 205, 190))
    return image
