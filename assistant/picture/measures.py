"""What plain image processing can tell about a picture before any model runs: light, detail, sharpness, glare.

Pure functions on pixels; which values are good enough is decided by the picture gate (`gate.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.picture.photo import Photo

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORKING_SIDE = 640
"""Longest side in pixels of the copy that is measured; a smaller picture is measured as it is."""
GLARE_SIDE = 320
"""The same for glare, which is large."""

LEAST_FADING = 0.2
"""`_fading` of light: spoiled pictures have 0.24 and more (mostly over 0.5), a white card on grey has 0.04."""

_COARSE, _FINE = 3.0, 1.0
"""Spread (sigma, pixels) of the two Gaussians whose gradients are compared for the width of edges."""
_SATURATED = 250


@dataclass(frozen=True)
class Measures:
    """What was measured on the copy of `WORKING_SIDE`; grey levels are 0 to 255."""

    longest_side: int
    """Of the picture itself, in pixels."""
    white: float
    """99th percentile of the brightest channel."""
    detail: float
    """Strongest structures of a letter's size (99th percentile), in multiples of the noise left at that size."""
    edge_width: float
    """Spread (sigma, pixels) of the sharper among the strongest edges, as of ideal ones under a Gaussian; 0 if none."""
    one_way: float
    """Edge energy in the weakest direction over that in the strongest: near 0 when all is smeared along one line."""
    glare: float
    """Share of the picture covered by the largest white patch that looks like a mirrored lamp; 0 if there is none."""
    glare_box: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, top, right, bottom of that patch, in pixels of the picture."""


def measure(photo: Photo) -> Measures:
    """All measures of one picture (about 30 ms on one core)."""
    small = _reduced(photo.pixels, WORKING_SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    glare, box = _glare(photo.pixels)
    fine_x, fine_y = _gradient(grey, _FINE)
    return Measures(
        longest_side=max(photo.width, photo.height),
        white=float(np.percentile(small[::2, ::2].max(axis=2), 99)),
        detail=_detail(grey),
        edge_width=_edge_width(grey, _length(fine_x, fine_y)),
        one_way=_one_way(fine_x, fine_y),
        glare=glare,
        glare_box=box,
    )


def _reduced(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _gradient(grey: Grey, sigma: float) -> tuple[Grey, Grey]:
    """Change per pixel to the right and downwards, after a Gaussian of `sigma`."""
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma).astype(np.float32, copy=False)
    return _slope(smooth, 1, 0), _slope(smooth, 0, 1)


def _slope(values: Grey, right: int, down: int) -> Grey:
    return cv2.Sobel(values, cv2.CV_32F, right, down, scale=1 / 8).astype(np.float32, copy=False)


def _length(x: Grey, y: Grey) -> Grey:
    return cv2.magnitude(x, y).astype(np.float32, copy=False)


def _detail(grey: Grey) -> float:
    """Local contrast (a band of 1.5 to 6 pixels) against the noise.

    The noise is the mean answer of Immerkaer's mask, which is blind to plane and edge (Computer Vision and Image
    Understanding 64, 1996), and shrinks by 2 sigma sqrt(pi) under a Gaussian of sigma.
    """
    sigma = 1.5
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    noise = float(np.abs(cv2.filter2D(grey, cv2.CV_32F, mask)).mean()) * np.sqrt(np.pi / 2) / 6
    band = np.abs(cv2.GaussianBlur(grey, (0, 0), sigma) - cv2.GaussianBlur(grey, (0, 0), 4 * sigma))
    margin = min(round(4 * sigma), min(band.shape) // 3)  # at the frame even an even slope looks like structure
    band = band[margin : band.shape[0] - margin : 2, margin : band.shape[1] - margin : 2]
    return float(np.percentile(band, 99) / max(noise / (2 * sigma * np.sqrt(np.pi)), 0.05))


def _edge_width(grey: Grey, fine: Grey) -> float:
    """How far the strongest edges are spread, from the loss of their gradient between two scales.

    An ideal edge blurred by b has, under a further Gaussian of s, a peak gradient proportional to 1 / sqrt(b² + s²):
    the ratio of the peaks at two scales gives b whatever the edge's contrast. Unlike the variance of the Laplacian this
    neither rewards noise (the edges are chosen at the coarse scale) nor punishes a picture with little text.
    """
    coarse = _length(*_gradient(grey, _COARSE))
    strongest = coarse >= max(float(np.percentile(coarse, 98)), 0.3)
    if int(strongest.sum()) < 30:
        return 0.0
    peaks = cv2.dilate(fine, np.ones((5, 5), np.uint8))  # the fine peak may lie beside the coarse one
    ratio = min(float(np.percentile(peaks[strongest] / coarse[strongest], 90)), _COARSE / _FINE)
    return float(np.sqrt((_COARSE**2 - (ratio * _FINE) ** 2) / max(ratio**2 - 1, 1e-3)))


def _one_way(x: Grey, y: Grey) -> float:
    """Ratio of the eigenvalues of the structure tensor over the tenth of the picture with the strongest edges."""
    energy = x * x + y * y
    strong = energy >= max(float(np.percentile(energy[::2, ::2], 90)), 1e-6)
    if not strong.any():
        return 1.0
    x, y = x[strong], y[strong]
    mixed = float((x * y).mean())
    low, high = np.linalg.eigvalsh([[float((x * x).mean()), mixed], [mixed, float((y * y).mean())]])
    return float(max(low, 0.0) / high)


def _glare(pixels: NDArray[np.uint8]) -> tuple[float, tuple[int, int, int, int]]:
    """The largest patch that is saturated in every channel, if it has the shape of light and not of paper.

    A mirrored lamp is a round patch without dents inside the picture that fades out; white paper is dented by its text,
    reaches the frame, or ends sharply. On paper that is saturated itself glare cannot be told from an empty place.
    """
    small = _reduced(pixels, GLARE_SIDE)
    height, width = small.shape[:2]
    darkest = small.min(axis=2)
    white = (darkest >= _SATURATED).astype(np.uint8)
    size = max(3, int(min(height, width) * 0.06) | 1)
    opened = cv2.morphologyEx(white, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return 0.0, (0, 0, 0, 0)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    patch = labels == largest
    area = int(patch.sum())
    hull = cv2.convexHull(np.argwhere(patch)[:, ::-1].astype(np.int32))
    solid = area / max(cv2.contourArea(hull), 1.0)
    frame = (patch[0].sum() + patch[-1].sum() + patch[:, 0].sum() + patch[:, -1].sum()) / (2 * (height + width))
    inner = float(cv2.distanceTransform(np.pad(patch.astype(np.uint8), 1), cv2.DIST_L2, 5).max())
    round_patch = solid >= 0.93 or (solid >= 0.85 and inner >= 0.2 * np.sqrt(height * width))
    if not round_patch or frame > 0.3 or _fading(darkest, patch, area) < LEAST_FADING:
        return 0.0, (0, 0, 0, 0)
    scale = pixels.shape[1] / width
    left, top, across, down = (float(value) * scale for value in stats[largest, :4])
    return area / (height * width), (round(left), round(top), round(left + across), round(top + down))


def _fading(darkest: NDArray[np.uint8], patch: Mask, area: int) -> float:
    """Share of the ring around `patch` where brightness still falls, gently and straight outwards.

    The ring begins 3 pixels away, where a sharp border is over, and is a tenth of the patch's radius wide.
    """
    x, y = _gradient(darkest.astype(np.float32), 1.0)
    distance = cv2.distanceTransform((~patch).astype(np.uint8), cv2.DIST_L2, 5).astype(np.float32, copy=False)
    ring = (distance > 3) & (distance <= max(6.0, 0.1 * float(np.sqrt(area / np.pi))))
    steep = _length(x, y)
    fall = -(x * _slope(distance, 1, 0) + y * _slope(distance, 0, 1))
    gentle = (fall > 1) & (steep < 40) & (fall > 0.7 * steep)
    return float(gentle[ring].mean()) if ring.any() else 0.0


def sharpness(pixels: NDArray[np.uint8]) -> float:
    """How sharp a frame is beside others of the same scene; no measure for different scenes (about 4 ms on one core).

    The share of the gradient's energy at the strongest edges that a finer scale has over a coarser one, in the direction
    in which it is least, because a moved camera smears one direction alone; `[height, width, 3]`, red or blue first.
    """
    grey = cv2.cvtColor(_reduced(pixels, WORKING_SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = _gradient(grey, _FINE), _gradient(grey, _COARSE)
    energies = [part * part for part in coarse]
    strength = energies[0] + energies[1]
    strong = strength >= max(float(np.percentile(strength[::4, ::4], 90)), 0.1)
    if not strong.any():
        return 0.0
    near = cv2.dilate(strong.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return min(
        float((part[near] ** 2).sum() / max(float(energy[near].sum()), 1e-6))
        for part, energy in zip(fine, energies, strict=True)
    )
