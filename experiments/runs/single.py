"""One picture and its code, as the older tools have it: PICTURE CODE.npy."""

import pathlib
import shutil
from collections.abc import Callable

from experiments.aligning import paste_back
from experiments.launch import command_line
from experiments.runs import encoding, jobs, reports, tuning
from jax_encoder.alignment import frames
from jax_encoder.alignment import pasting as pasting_lib
from jax_encoder.errors import InputError
from jax_encoder.io import codes, files, folders

MakeJob = Callable[[folders.Listing, pathlib.Path, str], jobs.InversionJob]
"""From a listing, the directory to work in and the film's extension to a job."""


def encode(
    picture: pathlib.Path,
    target: pathlib.Path,
    make_job: MakeJob,
    *,
    image_path: str = "",
    film_path: str = "",
    pasting: pasting_lib.PastingOptions | None = None,
) -> int:
    """Inverts a picture in a hidden directory beside the result.

    There --resume finds what an interrupted run left.

    Args:
      picture: the picture.
      target: the `.npy` to write.
      make_job: makes the job.
      image_path: where to write the reconstruction; "" for nowhere.
      film_path: where to write the film; "" for nowhere.
      pasting: how to put the reconstruction back into the photograph that was aligned;
        None: not at all.

    Returns:
      The exit code.

    Raises:
      UsageError: the target is no `.npy`.
      Failure: the picture cannot be inverted.
    """
    if target.suffix != ".npy":
        raise command_line.UsageError(f"The code is a .npy file, got {target}.")
    work = target.parent / f".{target.stem}.encoding"
    listing = folders.Listing(where=str(picture), root=picture.parent, paths=(picture,))
    film = pathlib.Path(film_path).suffix
    (row,) = encoding.run(make_job(listing, work, film))
    if row["status"] == "failed":
        shutil.rmtree(work, ignore_errors=True)
        raise command_line.Failure(f"{picture}: {row['reason']}")
    name = row["name"]
    found = codes.load(work / f"{name}.npz")
    codes.save_array(target, found.values[0])
    if image_path:
        _copy(work / f"{name}.png", image_path)
    if film:
        _copy(work / f"{name}{film}", film_path)
    tuned = work / f"{name}{tuning.DIFFERENCE}"
    if tuned.exists():
        _copy(tuned, target.with_suffix(tuning.DIFFERENCE))
    if frames.KEY in found.metadata:
        frame = found.metadata[frames.KEY]
        files.write_json(target.with_suffix(".frame.json"), frame)
    if pasting is not None:
        _paste(work / name, target, pasting)
    shutil.rmtree(work)
    print(f"{target}: {reports.caption(row)}, {row['seconds']:.0f} s")
    return int(row["status"] != "ok")


def _paste(
    stem: pathlib.Path, target: pathlib.Path, options: pasting_lib.PastingOptions
) -> None:
    try:
        paste_back.paste_one(stem, options)
    except InputError as error:
        raise command_line.Failure(f"Not pasted back: {error}") from error
    _copy(
        pathlib.Path(f"{stem}{paste_back.ENDING}"),
        target.with_suffix(paste_back.ENDING),
    )


def _copy(source: pathlib.Path, target: str | pathlib.Path) -> None:
    files.write_bytes(target, source.read_bytes())
