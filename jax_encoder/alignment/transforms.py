"""StyleGAN3 without alignment: its input's transform instead of a crop.

StyleGAN3 (Karras et al. 2021, arXiv:2106.12423, Section 3.1) draws its picture turned
and shifted where the Fourier features of its input are. So a photograph need not be
brought to the generator; the generator can be brought to a view of the photograph, as
in "Third Time's the Charm" (Alaluf et al. 2022, arXiv:2201.13433, Section 4).
"""

import numpy as np

from jax_encoder.alignment import frames
from jax_encoder.errors import InputError

_CORNERS = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])


def stylegan3(
    aligned: frames.Frame, view: frames.Frame, *, with_scale: bool = True
) -> np.ndarray:
    """The transform under which StyleGAN3 draws an aligned face as a view shows it.

    Args:
      aligned: where the face, as the generator's training pictures have it, lies in the
        photograph.
      view: the part of the same photograph that the target shows, such as its centered
        square.
      with_scale: False keeps the size of the training pictures. Sizes far from those
        are drawn badly: a generator was never asked for them.

    Returns:
      `[3, 3]` float32 for `stylegan3.synthesis(ws, transform=...)`: the similarity that
      takes the view's coordinates, from -0.5 to 0.5, to the aligned picture's.

    Raises:
      ValueError: the frames are of photographs of different sizes.
    """
    if aligned.photograph_size != view.photograph_size:
        raise InputError(
            "Both frames must be of one photograph, got sizes"
            f" {aligned.photograph_size} and {view.photograph_size}."
        )
    into = np.linalg.inv(frames.unit_homography(aligned.quad))
    places = frames.apply(into, np.asarray(view.quad)) - 0.5
    matrix = frames.fit_similarity(_CORNERS, places)
    if not with_scale:
        matrix[:2, :2] /= np.sqrt(np.linalg.det(matrix[:2, :2]))
    return matrix.astype(np.float32)


def of_frame(frame: frames.Frame) -> np.ndarray | None:
    """The transform for a picture that was left unaligned, `[3, 3]`; else None.

    Args:
      frame: of the picture.
    """
    return None if frame.aligned is None else stylegan3(frame.of_face, frame)
