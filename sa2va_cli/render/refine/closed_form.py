"""Closed-form matting: alpha that is locally linear in colour, solved for the whole edge at once.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (TPAMI 2008), with the matting
Laplacian of pymatting (MIT) and conjugate gradients. Only the unknown band is solved for. The guided filter's
alpha is a weak prior there: it decides what the Laplacian leaves open, parts that no colour ties to a sure
pixel, such as a puff of smoke.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.render.crop import mask_box, padded
from sa2va_cli.render.refine.guided import guided, snapped
from sa2va_cli.render.refine.trimap import UNKNOWN, trimap

Floats = NDArray[np.floating]

_PRIOR = 4e-3  # weight of the guided filter's alpha; chosen on drawn clips of other seeds than are reported
_EPSILON = 1e-7  # of the Laplacian, as in pymatting
_TOLERANCE = 1e-5
_STEPS = 300
_MARGIN = 3  # pixels around the band, more than a window of the Laplacian


def closed_form(image: RGB, soft: Floats, start: Floats | None = None) -> Floats:
    """Refines a soft mask along its edges by closed-form matting.

    Args:
        image: (H, W, 3) uint8 RGB.
        soft: (H, W) float32 in 0..1, one object or the union of several.
        start: (H, W) float32, the last frame's alpha: the solver begins there, which saves steps and changes
            the result by less than its tolerance; the guided filter's alpha without one.

    Returns:
        (H, W) float32 alpha in 0..1: exactly 0 or 1 outside the band.

    Raises:
        UsageError: pymatting is not installed.
    """
    prior = guided(image, soft)
    division = trimap(soft)
    alpha = np.where(division == UNKNOWN, prior, division / np.float32(255))
    box = mask_box(division == UNKNOWN)
    if box is None:
        return np.asarray(alpha)
    box = padded(box, (soft.shape[1], soft.shape[0]), 0.0, even=False, least=_MARGIN)
    part = slice(box.y0, box.y1), slice(box.x0, box.x1)
    first = alpha if start is None else np.where(division == UNKNOWN, start, alpha)
    alpha[part] = _solved(image[part], alpha[part], division[part] == UNKNOWN, first[part])
    return np.asarray(alpha)


def _solved(image: RGB, alpha: Floats, unknown: NDArray[np.bool_], first: Floats) -> Floats:
    """Alpha with the unknown pixels replaced by the solution, started from ``first``."""
    laplacian, conjugate_gradients, diagonal = _imported()
    open_, known = np.flatnonzero(unknown), np.flatnonzero(~unknown)
    values = alpha.astype(np.float64).ravel()
    rows = laplacian(image / 255.0, epsilon=_EPSILON, is_known=~unknown.ravel()).tocsr()[open_]
    system = rows[:, open_] + diagonal(np.full(len(open_), _PRIOR))
    right = _PRIOR * values[open_] - rows[:, known] @ values[known]
    begin = first.astype(np.float64).ravel()[open_]
    scale = diagonal(1 / system.diagonal())
    # where it has not converged after so many steps, what it has is better than what it began with
    values[open_], _ = conjugate_gradients(
        system, right, x0=begin, rtol=_TOLERANCE, atol=0, maxiter=_STEPS, M=scale
    )
    return snapped(values.reshape(alpha.shape)).astype(np.float32)


def _imported() -> tuple[Any, Any, Any]:
    """Pymatting's Laplacian, scipy's solver and its diagonal matrices."""
    try:
        from pymatting import cf_laplacian
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import cg
    except ImportError as error:
        raise UsageError(
            "closed-form refinement needs pymatting, which is not installed: pip install 'sa2va[matting]'"
        ) from error
    return cf_laplacian, cg, diags_array
