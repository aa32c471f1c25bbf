"""Gray pictures of the simulator: an ultrasound fan with its lettering, and a chest radiograph of 16 bits."""

import numpy as np
from PIL import Image, ImageDraw

from gateway.capture.drawing import Plane, blurred, grid, lettered, smooth_noise, soft_disc

_FAN_ROWS, _FAN_COLUMNS = 768, 1024
_APEX_ROW, _FAN_DEPTH = 20.0, 690.0
_FAN_FROM, _HALF_ANGLE = 62.0, 0.62
_CHEST_ROWS, _CHEST_COLUMNS = 1400, 1200
_BITS = 14
_INKED = 127
_RIB_ENDS = 0.1
_DARKEST_DOSE = 0.036


def ultrasound(random: np.random.Generator, seed: int) -> Image.Image:
    """An abdominal fan: speckle, a capsule, a dark cyst with enhancement behind it, and a bright stone with shadow."""
    rows, columns = _FAN_ROWS, _FAN_COLUMNS
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    down, across = y - _APEX_ROW, x - columns / 2
    depth, angle = np.hypot(down, across), np.arctan2(across, down)
    tissue = 0.16 + 0.62 * smooth_noise(random, rows, columns, 6, 4) ** 1.5
    capsule_at = 190 + 40 * np.sin(angle * 3 + float(random.uniform(0, 6)))
    tissue = tissue + 0.55 * np.exp(-(((depth - capsule_at) / 5) ** 2)) - 0.10 * (depth < capsule_at)
    layers = np.sin(depth / 9 + 3 * smooth_noise(random, rows, columns, 6, 2)) * np.exp(-((depth - 105) ** 2) / 2600)
    tissue = tissue + 0.18 * layers
    cyst = (float(random.uniform(350, 450)), float(random.uniform(-0.24, 0.05)), float(random.uniform(48, 78)))
    tissue = _with_cyst(tissue, depth, angle, cyst)
    stone = (float(random.uniform(330, 470)), float(random.uniform(0.22, 0.36)))
    behind = (np.abs(angle - stone[1]) < 0.035) & (depth > stone[0])  # noqa: PLR2004 - width of the shadow
    tissue = tissue * (1 - 0.72 * blurred(behind.astype(np.float32), 5))
    tissue = tissue + 1.1 * np.exp(-(((depth - stone[0]) / 7) ** 2) - ((angle - stone[1]) / 0.03) ** 2)
    speckle = _speckle(random, depth, angle)
    gain = np.clip(1.18 - depth / 1250, 0, 2)
    fan = (np.abs(angle) < _HALF_ANGLE) & (depth > _FAN_FROM) & (depth < _FAN_DEPTH)
    picture = np.clip(tissue * speckle * gain, 0, 1) ** 0.85 * blurred(fan.astype(np.float32), 0.8)
    image = Image.fromarray((picture * 235).astype(np.uint8))
    _annotate(image, seed)
    return image


def _with_cyst(tissue: Plane, depth: Plane, angle: Plane, cyst: tuple[float, float, float]) -> Plane:
    middle, direction, radius = cyst
    sideways = (angle - direction) * depth
    inside = np.clip((radius - np.hypot(depth - middle, sideways * 0.9)) / 6 + 0.5, 0, 1)
    behind = np.exp(-((sideways / (radius * 0.8)) ** 2)) * np.clip((depth - middle - radius) / 12, 0, 1)
    changed: Plane = tissue * (1 - 0.93 * inside) * (1 + 0.55 * behind * np.clip(1.6 - depth / 600, 0, 1))
    return changed


def _speckle(random: np.random.Generator, depth: Plane, angle: Plane) -> Plane:
    """Rayleigh speckle made in beam and depth, then bent into the fan, so that it widens with depth as real ones do."""
    beams, samples = 260, 520
    field = random.normal(size=(2, samples, beams)).astype(np.float32)
    amplitude = np.hypot(field[0], field[1]) / np.float32(1.25)
    image = Image.fromarray(amplitude)
    soft = np.asarray(image.resize((beams * 3, samples * 3), Image.Resampling.BICUBIC))
    beam = (angle / _HALF_ANGLE * 0.5 + 0.5) * (soft.shape[1] - 1)
    sample = depth / _FAN_DEPTH * (soft.shape[0] - 1)
    at = (np.clip(sample, 0, soft.shape[0] - 1).astype(int), np.clip(beam, 0, soft.shape[1] - 1).astype(int))
    speckle: Plane = np.clip(soft[at], 0.05, 2.6)
    return speckle


def _annotate(image: Image.Image, seed: int) -> None:
    """The lettering, gray scale and depth marks of a scanner, without any name."""
    pen = ImageDraw.Draw(image)
    for step in range(200):
        pen.line((24, 90 + step, 40, 90 + step), fill=round(255 - step * 1.27))
    for centimetre in range(15):
        row = round(_APEX_ROW + _FAN_FROM + centimetre * (_FAN_DEPTH - _FAN_FROM) / 15)
        pen.line((image.width - 44, row, image.width - (30 if centimetre % 5 else 22), row), fill=170)
    lines = [
        ((24, 16), "ABDOMEN", 22),
        ((24, 44), "C5-1", 18),
        ((image.width - 190, 16), f"MI 1.{seed % 4}  TIs 0.{3 + seed % 5}", 18),
        ((image.width - 190, 40), f"{34 + seed % 9} Hz   15 cm", 18),
        ((24, image.height - 88), f"2D\nGn {52 + seed % 20}\nC 56", 17),
    ]
    lettered(image, lines, 205)


def xray(random: np.random.Generator, seed: int) -> Image.Image:
    """A chest from the front with lungs, heart, spine and ribs; 14 significant bits in 16."""
    rows, columns = _CHEST_ROWS, _CHEST_COLUMNS
    y, x = grid(rows, columns)
    thickness = np.clip(1.06 - (x / 0.98) ** 4 * 0.55 - np.clip(-y - 0.78, 0, 1) * 1.6, 0.05, None)
    body = soft_disc(y * 0.42, x * 0.93, (0.12, 0.0), 0.93, 0.05)
    absorbed = 1.35 * thickness * body
    shift = float(random.uniform(-0.02, 0.02))
    air = np.maximum(_lung(y, x, -0.44 + shift, 0.95), _lung(y, x, 0.44 + shift, 0.9))
    heart = soft_disc(y * 0.86, x, (0.26, 0.13 + shift), float(random.uniform(0.33, 0.38)), 0.07)
    spine = np.exp(-(((x - shift) / 0.12) ** 4))
    absorbed = absorbed - 0.86 * air * (1 - 0.88 * heart) + 0.24 * heart * body + 0.26 * spine * body
    absorbed = absorbed + 0.08 * spine * np.sin(y * 36) * body + _ribs(y, x - shift) * body * (0.35 + 0.65 * air)
    absorbed = absorbed + 0.10 * air * (smooth_noise(random, rows, columns, 26, 4) - 0.45) * 2
    hilum = np.exp(-(((np.abs(x - shift) - 0.2) / 0.12) ** 2) - ((y - 0.02) / 0.2) ** 2)
    absorbed = absorbed + 0.22 * hilum * air
    dose = np.exp(-1.55 * absorbed)
    quanta = random.poisson(np.clip(dose, 0, None) * 9000) / 9000
    bright = np.log(np.clip(quanta, 1e-4, None)) / np.log(_DARKEST_DOSE)
    words = (np.clip(bright, 0, 0.97) * ((1 << _BITS) - 1)).astype(np.uint16)
    mark = Image.new("L", (columns, rows))
    lettered(mark, [((columns - 120, 70), "L", 84), ((columns - 150, 160), f"AP {seed % 10}", 34)], 255)
    return Image.fromarray(np.where(np.asarray(mark) > _INKED, (1 << _BITS) - 1, words).astype(np.uint16))


def _lung(y: Plane, x: Plane, middle: float, size: float) -> Plane:
    upper = soft_disc(y * 0.62, (x - middle) * 1.75, (0.0, 0.0), 0.56 * size, 0.07)
    diaphragm = np.clip((0.62 - y - 0.55 * (x - middle) ** 2 * 2.2) / 0.06, 0, 1)
    apex = np.clip((y + 0.83) / 0.1, 0, 1)
    lung: Plane = upper * diaphragm * apex
    return lung


def _ribs(y: Plane, x: Plane) -> Plane:
    total = np.zeros_like(y)
    for number in range(9):
        arch = -0.72 + number * 0.155 + 0.42 * np.clip(np.abs(x) - 0.18, 0, None) ** 1.6
        total += 0.16 * np.exp(-(((y - arch) / 0.024) ** 4)) * (np.abs(x) > _RIB_ENDS)
    return total
