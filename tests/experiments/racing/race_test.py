"""The race, end to end, on generators and networks that cost nothing."""

import json

import numpy as np
import pytest

from experiments.racing import contest, contestants, published, race_report
from experiments.racing.race_targets import Targets
from jax_encoder.inversion import presets
from tests.experiments import several, tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("race")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "ab")
    return root


@pytest.fixture(scope="module")
def raced(place):
    """A race with photographs, and calls that are refused."""
    common = [f"--generator={place}/generator", f"--lpips={place}/lpips"]
    calls = [
        [
            *common,
            "--contestants=default,faithful,pti",
            "--own=1",
            f"--photographs={place}/photos",
            "--evaluations=3",
            f"--output_dir={place}/out",
        ],
        ["--contestants=nobody"],
        ["--contestants=default:pace=3"],
        ["--random_generator=stylegan9:64"],
        [*common, "--own=0", "--contestants=default"],
    ]
    return several.call("race", calls, place)


@pytest.mark.slow
def test_photographs_are_put_beside_published_rows(place, raced):
    code, out, _ = raced[0]
    assert code == 0
    text = (place / "out/photographs.md").read_text()
    assert text.strip() in out
    rows = {
        line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line
    }
    assert {"**default**", "**faithful**", "**pti**"} <= rows.keys()
    assert rows["PTI, pivots in W (published)"].split("|")[2].strip() == "24.60"
    cells = [cell.strip() for cell in rows["**default**"].split("|")[2:-1]]
    psnr, mse = float(cells[0]), float(cells[1])
    assert psnr <= 10 * np.log10(2 / mse) + 3  # The mean of logarithms is another.
    assert float(cells[-1]) >= 0


@pytest.mark.slow
def test_the_report_has_curves_and_times(place, raced):
    report = json.loads((place / "out/race.json").read_text())
    by_name = {row["name"]: row for row in report["rows"]}
    curve = by_name["default"]["curve"]
    assert curve["evaluation"] == [1, 2, 3]
    assert curve["objective"] == sorted(curve["objective"], reverse=True)
    assert by_name["default"]["kinds"].keys() == {"own", "photograph"}
    assert report["times_sooner"]["pti"].keys() == {"default", "faithful"}
    for name in ("table.md", "contact_sheet.png", "evaluations.png", "seconds.png"):
        assert (place / "out" / name).stat().st_size > 100


@pytest.mark.slow
def test_what_makes_no_sense_is_refused(raced):
    answers = [(code, error) for code, _, error in raced[1:]]
    assert [code for code, _ in answers] == [2, 2, 2, 2]
    assert "Nobody races under the name 'nobody'" in answers[0][1]
    assert "pace" in answers[1][1]
    assert "the families are" in answers[2][1]
    assert "Nothing to invert" in answers[3][1]


def test_contestants_can_be_changed():
    (found,) = contestants.find(["adam:space=p+:learning_rate=0.05"])
    assert found.name == "adam:space=p+:learning_rate=0.05"
    assert found.config.space == "p+"
    assert found.config.schedule.learning_rate == 0.05


def test_all_are_compared_by_the_same_terms():
    for name in ("nvidia-projector", "stylegan3-encoding", "default"):
        preset = contest.measured(presets.get(name))
        assert {"pixel", "lpips"} <= set(preset.config.names)
        assert preset.changed(num_steps=1000).config.num_steps <= 1000


def attempt(name, objective, seconds):
    return race_report.RaceEntry(
        attempt=contest.Attempt(
            name=name,
            ws=np.zeros((2, 1, 1)),
            images=np.zeros((2, 8, 8, 3)),
            objective=np.asarray(objective, float),
            seconds=np.asarray(seconds, float),
        ),
        measures={"psnr": np.array([20.0, np.nan])},
    )


def test_times_are_to_where_the_other_ends():
    slow = attempt("slow", [[4, 4], [2, 2], [1, 1]], [10, 20, 30])
    fast = attempt("fast", [[1, 4], [0.5, 1]], [1, 2])
    times = race_report.race_times([slow, fast])
    assert times["fast"]["slow"] == pytest.approx((30 / 1 + 30 / 2) / 2)
    assert times["slow"]["fast"] is None
    targets = Targets(
        pictures=np.zeros((2, 8, 8, 3)),
        kinds=("own", "photograph"),
        names=("a", "b"),
        ws=np.zeros((1, 1, 1)),
        attributes=np.zeros((0, 1)),
    )
    row = race_report.summarize(slow, targets)
    assert row["kinds"]["own"]["psnr"] == {"median": 20.0, "mean": 20.0, "worst": 20.0}
    assert row["kinds"]["photograph"]["psnr"]["median"] is None
    assert "PTI" in published.table([row])
