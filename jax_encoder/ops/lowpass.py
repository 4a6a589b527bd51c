"""Design of StyleGAN3's low-pass filters (Karras et al. 2021, Appendix C.1).

NumPy only: filters are constants of a network, computed once in float64.
"""

import numpy as np


def kaiser_beta(num_taps: int, width: float) -> float:
    """Returns the shape of the Kaiser window for a transition band.

    Args:
      num_taps: length of the filter.
      width: of the transition band, as a share of half the sampling rate.

    Returns:
      beta, by Kaiser's empirical formulas.
    """
    attenuation = 2.285 * (num_taps - 1) * np.pi * width + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        excess = attenuation - 21
        return 0.5842 * excess**0.4 + 0.07886 * excess
    return 0.0


def bessel_j1(x: np.ndarray, num_points: int = 512) -> np.ndarray:
    """The Bessel function of the first kind, order one.

    The mean of Bessel's integrand over a period: exact to rounding, as long as `x`
    stays well below `num_points`.
    """
    angles = np.arange(num_points) * (2 * np.pi / num_points)
    return np.mean(np.cos(angles - x[..., None] * np.sin(angles)), axis=-1)


def design(
    num_taps: int,
    *,
    cutoff: float,
    width: float,
    sampling_rate: float,
    radial: bool = False,
) -> np.ndarray:
    """Designs a windowed low-pass filter that sums to one.

    Args:
      num_taps: length; 1 gives the identity.
      cutoff: frequency of half the amplitude.
      width: of the transition band, in the units of `cutoff`.
      sampling_rate: in the same units.
      radial: a radially symmetric filter (jinc) instead of a separable one (sinc).

    Returns:
      `[num_taps]`, or with `radial` `[num_taps, num_taps]`, float64.

    Raises:
      ValueError: no taps, or a cutoff beyond half the sampling rate.
    """
    if num_taps < 1 or not 0 < cutoff <= sampling_rate / 2:
        raise ValueError(
            "A filter needs a tap and a cutoff in (0, sampling_rate / 2]: got"
            f" {num_taps=}, {cutoff=}, {sampling_rate=}."
        )
    if num_taps == 1:
        return np.ones((1, 1) if radial else (1,))
    window = np.kaiser(num_taps, kaiser_beta(num_taps, 2 * width / sampling_rate))
    times = (np.arange(num_taps) - (num_taps - 1) / 2) / sampling_rate
    if radial:
        radius = np.hypot(times[:, None], times[None, :])
        safe = np.where(radius == 0, 1.0, np.pi * radius)
        jinc = np.where(radius == 0, cutoff, bessel_j1(2 * cutoff * safe) / safe)
        taps = jinc * np.outer(window, window)
    else:
        taps = np.sinc(2 * cutoff * times) * window
    return taps / taps.sum()
