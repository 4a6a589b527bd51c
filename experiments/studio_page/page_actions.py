"""What the page asks for and gets: every action as a function of a visit and JSON."""

import base64
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from experiments.editing.code_sets import Code
from experiments.studio_page import (
    commands,
    exploring,
    inverting,
    page_state,
    picture_files,
    preparing,
    receiving,
    safety,
    slider_edits,
    tray,
    tray_morphs,
    workshop,
)
from experiments.studio_page.tray import TrayEntry
from experiments.studio_page.turns import Turns
from experiments.studio_page.visits import Upload, Visit, Visits
from experiments.studio_page.workshop import Workshop, Workshops
from jax_encoder.errors import InputError
from jax_encoder.io import images

JSON = Mapping[str, object]
THUMBNAIL = 128


@dataclasses.dataclass(frozen=True)
class File:
    """What an action answers with instead of JSON.

    Attributes:
      content: of the file.
      media_type: such as "image/png".
      command: the command line that does the same, or "".
      name: to save it under; "" for a picture that is shown.
    """

    content: bytes
    media_type: str
    command: str = ""
    name: str = ""


class Studio:
    """The studio without its server.

    Args:
      workshops: the generators.
      limits: of visitors.
    """

    def __init__(self, workshops: Workshops, limits: safety.VisitorLimits):
        self.workshops, self.limits = workshops, limits
        self.turns = Turns()
        self.preparation = preparing.Preparation(self.turns)
        self.visits = Visits(limits, workshops.first, on_end=self._forget)
        self.actions: dict[str, Callable[[Visit, JSON], object]] = {
            "hello": self.hello,
            "example": self.example,
            "seed": self.seed,
            "align": self.align,
            "discard": self.discard,
            "invert": self.invert,
            "job": self.job,
            "rename": self.rename,
            "remove": self.remove,
            "save": self.save,
            "edit": self.edit,
            "keep": self.keep,
            "still": self.still,
            "film": self.film,
            "map": self.map,
            "place": self.place,
            "seeds": self.seeds,
            "generator": self.generator,
        }
        self.uploads: dict[str, Callable[[Visit, bytes, str], object]] = {
            "picture": self.upload,
            "codes": self.load,
            "directions": self.import_directions,
        }

    def start(self) -> None:
        """Starts the worker and prepares the usual programs."""
        self.turns.start()
        first = self.workshops.get(self.workshops.first)
        self.preparation.warm_up(first, workshop.InversionMethod())

    def close(self) -> None:
        """Ends all visits, then the worker."""
        self.visits.close()
        self.turns.close()

    def _forget(self, visit: Visit) -> None:
        self.turns.drop(visit.id)

    def _workshop(self, visit: Visit) -> Workshop:
        return self.workshops.get(visit.generator)

    def _entry(self, visit: Visit, name: object) -> TrayEntry:
        entry = visit.entries.get(str(name))
        if entry is None:
            raise safety.Refusal("This code is not in the tray any more.")
        return entry

    def _codes(self, visit: Visit, listed: object) -> list[Code]:
        if not isinstance(listed, list):
            raise safety.Refusal("A list of the tray's names is expected.")
        return [self._entry(visit, name).code for name in listed]

    # What the page shows.

    def hello(self, visit: Visit, values: JSON) -> object:
        """All that stays as it is while a generator is in use."""
        del values
        shop = self._workshop(visit)
        about = page_state.of_generator(visit, shop)
        return {
            **about,
            "generators": list(self.workshops.paths),
            "can_add": self.workshops.is_open,
            "limits": dataclasses.asdict(self.limits),
        }

    def state(self, visit: Visit) -> object:
        """All that changes: uploads, inversions, the tray."""
        return page_state.of_visit(visit, self._workshop(visit), self.turns)

    def picture(self, visit: Visit, kind: str, name: str) -> File:
        """A picture that the page shows: of an upload, an inversion or the tray.

        Raises:
          Refusal: it is not there any more.
        """
        preview = visit.jobs[name].preview if name in visit.jobs else None
        if kind == "job" and preview:
            return File(*preview)
        if kind == "target" and name in visit.uploads:
            target = visit.uploads[name].target
            if target is not None:
                return File(*picture_files.encode(target))
        if kind == "photograph" and name in visit.uploads:
            photograph = images.decode(visit.uploads[name].path)
            return File(*picture_files.encode(photograph, 480))
        if kind == "example" and name in receiving.example_names():
            return File((receiving.EXAMPLES / name).read_bytes(), "image/png")
        if kind in ("code", "of") and name in visit.entries:
            entry = visit.entries[name]
            shown = entry.target if kind == "of" else entry.picture
            if shown is not None:
                return File(*picture_files.encode(shown))
        raise safety.Refusal("This picture is not here any more.")

    # Pictures and their inversion.

    def upload(self, visit: Visit, content: bytes, name: str) -> object:
        """Takes a picture in."""
        shop = self._workshop(visit)
        return {"upload": receiving.receive(content, name, visit, shop, self.limits).id}

    def example(self, visit: Visit, values: JSON) -> object:
        """Takes one of the bundled pictures."""
        name = str(values.get("name"))
        shop = self._workshop(visit)
        return {"upload": receiving.from_example(name, visit, shop, self.limits).id}

    def seed(self, visit: Visit, values: JSON) -> object:
        """Takes the picture of a seed."""
        seed = int(slider_edits.number(values.get("seed"), 2**32 - 1))
        shop = self._workshop(visit)
        found = receiving.from_seed(abs(seed), visit, shop, self.limits)
        return {"upload": found.id}

    def align(self, visit: Visit, values: JSON) -> object:
        """Aligns pictures; tells which could not be."""
        problems = []
        for upload in self._uploads(visit, values.get("uploads")):
            try:
                method = str(values.get("align") or "")
                receiving.align(upload, method, visit, self._workshop(visit))
            except InputError as error:
                problems.append(safety.sentence(error, visit.shown_names()))
        return {"problems": problems}

    def _uploads(self, visit: Visit, listed: object) -> list[Upload]:
        if not isinstance(listed, list):
            raise safety.Refusal("A list of pictures is expected.")
        found = [visit.uploads.get(str(upload_id)) for upload_id in listed]
        return [upload for upload in found if upload is not None]

    def discard(self, visit: Visit, values: JSON) -> object:
        """Removes a picture, and its inversion."""
        upload_id = str(values.get("upload"))
        for job in list(visit.jobs.values()):
            if job.upload.id == upload_id:
                self._drop(visit, job)
        receiving.remove(upload_id, visit)
        return {}

    def _drop(self, visit: Visit, job: inverting.PictureInversion) -> None:
        job.stop()
        self.turns.drop(visit.id, job)
        with visit.lock:
            visit.jobs.pop(job.id, None)
            visit.changed()

    def invert(self, visit: Visit, values: JSON) -> object:
        """Begins inversions."""
        shop = self._workshop(visit)
        steps = values.get("steps") or None
        method = workshop.check_method(
            values.get("preset", "default"), values.get("space"), steps
        )
        chosen = self._uploads(visit, values.get("uploads"))
        if not chosen:
            raise safety.Refusal("Drop a picture first, or take an example.")
        shop.engine(method)  # refuses what does not go together
        for upload in chosen:
            self._begin(visit, upload, shop, method)
        return {"command": self._encode_command(chosen, shop, method)}

    def _begin(self, visit, upload: Upload, shop: Workshop, method) -> None:
        if upload.target is None:
            return
        for job in list(visit.jobs.values()):
            if job.upload.id == upload.id:
                self._drop(visit, job)

        def keep(entry: TrayEntry) -> TrayEntry:
            return visit.put(entry, self.limits)

        receiving.fit(upload, shop)  # another generator may have been chosen since
        task = inverting.PictureInversion(visit, upload, shop, method, keep)
        with visit.lock:
            visit.jobs[task.id] = task
        self.preparation.submit(task)

    def _encode_command(self, chosen: list[Upload], shop: Workshop, method) -> str:
        return commands.encode(
            [upload.name for upload in chosen],
            generator=shop.flag,
            preset=method.preset,
            space=method.space,
            steps=method.steps,
            align=chosen[0].align,
            networks=shop.networks,
        )

    def job(self, visit: Visit, values: JSON) -> object:
        """Stops an inversion, goes on with it, or takes it as it is."""
        job = visit.jobs.get(str(values.get("job")))
        if job is None:
            raise safety.Refusal("This inversion is not here any more.")
        wanted = values.get("do")
        if wanted == "stop":
            job.stop()
        elif wanted in ("go", "settle"):
            is_going = job.go_on() if wanted == "go" else job.settle()
            if is_going:
                self.preparation.submit(job)
        return {}

    # The tray.

    def rename(self, visit: Visit, values: JSON) -> object:
        """Gives a code another name."""
        entry = self._entry(visit, values.get("name"))
        wanted = safety.shown_name(str(values.get("to")))
        with visit.lock:
            others = [name for name in visit.entries if name != entry.name]
            new = entry.renamed(safety.unique_name(wanted, others))
            visit.entries = {
                new.name if name == entry.name else name: new if e is entry else e
                for name, e in visit.entries.items()
            }
            visit.changed()
        return {"name": new.name}

    def remove(self, visit: Visit, values: JSON) -> object:
        """Removes a code."""
        with visit.lock:
            visit.entries.pop(str(values.get("name")), None)
            visit.changed()
        return {}

    def save(self, visit: Visit, values: JSON) -> File:
        """The tray, or one code of it, as an archive of code files."""
        wanted = values.get("names")
        if not isinstance(wanted, list):
            own = self._workshop(visit).source.sha256
            entries = [e for e in visit.entries.values() if e.generator_sha256 == own]
        else:
            entries = [self._entry(visit, name) for name in wanted]
        if not entries:
            raise safety.Refusal("The tray is empty: there is nothing to save yet.")
        content = tray.save(entries, visit.folder)
        return File(content, "application/zip", name="codes.zip")

    def load(self, visit: Visit, content: bytes, name: str) -> object:
        """Adds the codes of a file or archive to the tray."""
        shop, shown = self._workshop(visit), safety.shown_name(name)
        found, refused = tray.load(
            content, shown, shop.source, visit.folder, self.limits
        )
        added = []
        for code in found:
            entry = TrayEntry(
                code=code,
                picture=shop.draw(code),
                generator_sha256=shop.source.sha256,
                row=_row(code),
                preset=str(code.metadata.get("preset") or ""),
            )
            added.append(visit.put(entry, self.limits).name)
        return {"names": added, "problems": refused}

    # Editing.

    def edit(self, visit: Visit, values: JSON) -> File:
        """The edited picture of a code."""
        entry = self._entry(visit, values.get("name"))
        shop, setting = self._workshop(visit), slider_edits.check(values)
        picture = slider_edits.draw(entry.code, setting, visit, shop)
        has_paste = bool(values.get("paste"))
        if has_paste:
            picture = slider_edits.paste(entry.code, picture, visit)
        command = slider_edits.command(entry.name, setting, shop, paste_back=has_paste)
        return File(*picture_files.encode(picture), command)

    def keep(self, visit: Visit, values: JSON) -> object:
        """Puts an edited code, a place of a morph or of the map into the tray."""
        shop = self._workshop(visit)
        code = self._kept(visit, values, shop)
        entry = TrayEntry(
            code=code,
            picture=shop.draw(code),
            generator_sha256=shop.source.sha256,
        )
        return {"name": visit.put(entry, self.limits).name}

    def _kept(self, visit: Visit, values: JSON, shop: Workshop) -> Code:
        if values.get("seed") is not None:
            seed = int(slider_edits.number(values["seed"], 2**32 - 1))
            psi = slider_edits.number(values.get("psi", 1.0), 2.0)
            return exploring.seed_code(abs(seed), psi, shop)
        if values.get("x") is not None:
            code, setting, name = exploring.mean_code(shop), self._place(values), "map"
        else:
            entry, setting = (
                self._entry(visit, values["name"]),
                slider_edits.check(values),
            )
            code, name = entry.code, f"{entry.name}_edited"
        moved, found = slider_edits.edited(code, setting, visit, shop)
        ws = shop.renderer(setting.psi).ws(moved, found)[0]
        about = {k: v for k, v in code.metadata.items() if k == "frame"}
        about |= {"generator_sha256": shop.source.sha256}
        about |= {"edit": commands.amounts(setting.strengths)}
        return dataclasses.replace(
            code, name=name, value=ws, space="w+", metadata=about
        )

    def import_directions(self, visit: Visit, content: bytes, name: str) -> object:
        """Reads a direction file."""
        shop = self._workshop(visit)
        names = slider_edits.import_directions(content, name, visit, shop)
        return {"names": names, "directions": page_state.directions(visit, shop)}

    # Morphs.

    def still(self, visit: Visit, values: JSON) -> File:
        """A place of the path through codes."""
        codes = self._codes(visit, values.get("names"))
        shape, color = (
            slider_edits.number(values.get(k), 100.0) for k in ("shape", "color")
        )
        shop = self._workshop(visit)
        picture = tray_morphs.still(codes, shape, color, shop)
        names = [code.name for code in codes]
        command = tray_morphs.still_command(names, shape, color, shop)
        return File(*picture_files.encode(picture), command)

    def film(self, visit: Visit, values: JSON) -> File:
        """A film of the path through codes."""
        codes = self._codes(visit, values.get("names"))
        wanted = tray_morphs.check_film(values, self.limits)
        shop = self._workshop(visit)
        command = tray_morphs.film_command([c.name for c in codes], wanted, shop)
        if values.get("only_command"):
            return File(b"", "text/plain", command)
        content = tray_morphs.film(codes, wanted, shop, visit.folder)
        kind = "video/mp4" if wanted.kind == "mp4" else f"image/{wanted.kind}"
        return File(content, kind, command, name=f"morph.{wanted.kind}")

    # Exploring.

    def map(self, visit: Visit, values: JSON) -> object:
        """The map with random codes and those of the tray."""
        shop = self._workshop(visit)
        own = shop.source.sha256
        with visit.lock:
            entries = list(visit.entries.values())
        codes = [e.code for e in entries if e.generator_sha256 == own]
        dots = exploring.draw_map(str(values.get("kind")), codes, shop)
        command = commands.latent_map(
            str(values.get("kind")), [code.name for code in codes], generator=shop.flag
        )
        return {"dots": [dataclasses.asdict(dot) for dot in dots], "command": command}

    def _place(self, values: JSON) -> slider_edits.Setting:
        x, y = (slider_edits.number(values.get(k), 1.0) for k in ("x", "y"))
        strengths = exploring.amounts_at(x, y)
        return slider_edits.check({"strengths": strengths})

    def place(self, visit: Visit, values: JSON) -> File:
        """The picture at a place of the map: of a seed, a code, or in between."""
        shop = self._workshop(visit)
        if values.get("seed") is not None:
            seed = int(slider_edits.number(values["seed"], 2**32 - 1))
            (picture,) = exploring.grid([seed], 1.0, shop)
            command = commands.seeds(str(seed), 1.0, generator=shop.flag)
        elif values.get("name"):
            entry = self._entry(visit, values["name"])
            picture = entry.picture
            command = slider_edits.command(entry.name, slider_edits.check({}), shop)
        else:
            setting = self._place(values)
            picture = slider_edits.draw(exploring.mean_code(shop), setting, visit, shop)
            # Of the code that "Put into the tray" keeps and "Save" writes.
            command = slider_edits.command("map", slider_edits.check({}), shop)
        return File(*picture_files.encode(picture), command)

    def seeds(self, visit: Visit, values: JSON) -> object:
        """A grid of seeds."""
        text = str(values.get("seeds"))[:200]
        psi = slider_edits.number(values.get("psi", 1.0), 2.0)
        shop, found = self._workshop(visit), exploring.parse_seeds(text)
        drawn = exploring.grid(found, psi, shop)
        cells = [
            {"seed": seed, "picture": _inline(picture)}
            for seed, picture in zip(found, drawn, strict=True)
        ]
        command = commands.seeds(text.strip(), psi, generator=shop.flag)
        return {"cells": cells, "command": command}

    # Generators.

    def generator(self, visit: Visit, values: JSON) -> object:
        """Takes another generator."""
        name = self.workshops.add(str(values.get("name") or "").strip())
        shop = self.workshops.get(name)
        visit.generator = name
        for upload in list(visit.uploads.values()):
            receiving.fit(upload, shop)
        visit.changed()
        self.preparation.warm_up(shop, workshop.InversionMethod())
        return self.hello(visit, {})


def _row(code: Code) -> dict[str, object]:
    """What a code's file says of how well its picture was met."""
    measures = code.metadata.get("measures")
    if not isinstance(measures, Mapping):
        return {}
    kept = {
        k: float(v)
        for k, v in measures.items()
        if k in ("psnr", "lpips") and isinstance(v, int | float)
    }
    return {"status": "ok", **kept} if "psnr" in kept else {}


def _inline(picture: np.ndarray) -> str:
    content, kind = picture_files.encode(picture, THUMBNAIL)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
