"""Design of StyleGAN3's low-pass filters (Karras et al. 2021, Appendix C.1).

Filters are constants of a network, computed once on the host in float64.
"""

import numpy as np

from jax_encoder.errors import InputError


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
        raise InputError(
            "A filter needs a tap and a cutoff in (0, sampling_rate / 2]: got"
            f" {num_taps=}, {cutoff=}, {sampling_rate=}."
        )
    if num_taps == 1:
        return np.ones((1, 1) if radial else (1,))
    # Imported here since loading them takes longer than all of this package.
    from scipy import signal, special

    attenuation = signal.kaiser_atten(num_taps, 2 * width / sampling_rate)
    window = np.kaiser(num_taps, signal.kaiser_beta(attenuation))
    times = (np.arange(num_taps) - (num_taps - 1) / 2) / sampling_rate
    if radial:
        radius = np.hypot(times[:, None], times[None, :])
        safe = np.where(radius == 0, 1.0, np.pi * radius)
        jinc = np.where(radius == 0, cutoff, special.j1(2 * cutoff * safe) / safe)
        taps = jinc * np.outer(window, window)
    else:
        taps = np.sinc(2 * cutoff * times) * window
    return taps / taps.sum()
