"""What the page shows: JSON of generators, pictures, inversions and the tray."""

from experiments.studio_page import (
    exploring,
    inverting,
    receiving,
    tray_morphs,
)
from experiments.studio_page.tray import TrayEntry
from experiments.studio_page.turns import Turns
from experiments.studio_page.visits import Upload, Visit
from experiments.studio_page.workshop import Workshop
from jax_encoder.editing import interpolation
from jax_encoder.inversion import presets
from jax_encoder.latents import spaces


def of_generator(visit: Visit, shop: Workshop) -> dict[str, object]:
    """All that stays as it is while a generator is in use."""
    return {
        "generator": shop.facts,
        "presets": [_describe_preset(name) for name in presets.names()],
        "spaces": spaces.names(),
        "alignments": receiving.alignments(),
        "examples": receiving.example_names() if shop.path is None else [],
        "directions": directions(visit, shop),
        "easings": list(interpolation.EASINGS),
        "schedules": tray_morphs.SCHEDULES,
        "films": tray_morphs.FORMATS,
        "maps": exploring.kinds(),
    }


def directions(visit: Visit, shop: Workshop) -> list[dict[str, object]]:
    """The sliders: name, group, and how far each reaches."""

    def group(names, title, reach):
        return [{"name": n, "group": title, "reach": reach} for n in names]

    number = range(shop.num_computed)
    return [
        *group(shop.library.known, "named", 3),
        *group(visit.directions, "imported", 5),
        *group([f"pca:{k}" for k in number], "pca", 3),
        *group([f"sefa:{k}" for k in number], "sefa", 6),
    ]


def of_visit(visit: Visit, shop: Workshop, turns: Turns) -> dict[str, object]:
    """All that changes: uploads, inversions, the tray."""
    with visit.lock:
        uploads, jobs = list(visit.uploads.values()), list(visit.jobs.values())
        entries, version = list(visit.entries.values()), visit.version
    own = shop.source.sha256
    return {
        "version": version,
        "uploads": [_describe_upload(upload) for upload in uploads],
        "jobs": [_describe_job(visit, job, turns) for job in jobs],
        "tray": [
            _describe_entry(entry, shop)
            for entry in entries
            if entry.generator_sha256 == own
        ],
        "others": sum(entry.generator_sha256 != own for entry in entries),
    }


def _describe_job(
    visit: Visit, job: inverting.PictureInversion, turns: Turns
) -> dict[str, object]:
    is_queued = job.status in (inverting.WAITING, inverting.RUNNING)
    row = {"status": "ok", **job.measures}
    return {
        "id": job.id,
        "upload": job.upload.id,
        "name": job.upload.name,
        "status": job.status,
        "sentence": job.sentence,
        "step": job.step,
        "steps": job.num_steps,
        "seconds_left": job.seconds_left,
        "visitors": turns.ahead(visit.id) if is_queued else 0,
        "previews": job.num_previews,
        "measures": job.measures,
        "verdict": job.workshop.verdict(job.method.preset, row)
        if job.status == inverting.DONE
        else "",
        "entry": job.entry,
        "preset": job.method.preset,
    }


def _describe_preset(name: str) -> dict[str, object]:
    preset = presets.get(name)
    return {
        "name": name,
        "steps": preset.config.num_steps,
        "space": preset.config.space,
        "source": preset.source,
    }


def _describe_upload(upload: Upload) -> dict[str, object]:
    width, height = upload.size
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size,
        "align": upload.align,
        "problem": upload.problem,
        "quad": upload.frame["quad"] if upload.frame else _center(width, height),
    }


def _center(width: int, height: int) -> list[list[float]]:
    """The corners of the centered square, as frames have them."""
    side = min(width, height)
    left, top = (width - side) / 2 - 0.5, (height - side) / 2 - 0.5
    right, bottom = left + side, top + side
    return [[left, top], [left, bottom], [right, bottom], [right, top]]


def _describe_entry(entry: TrayEntry, shop: Workshop) -> dict[str, object]:
    return {
        "name": entry.name,
        "preset": entry.preset,
        "measures": {k: v for k, v in entry.row.items() if k != "status"},
        "verdict": shop.verdict(entry.preset, entry.row),
        "has_target": entry.target is not None,
        "has_frame": "frame" in entry.code.metadata,
        "space": entry.code.space,
    }
