"""`make demo`: the example pictures and the demo set, as people run it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.mark.slow
def test_the_demo_inverts_the_examples(tmp_path):
    command = [sys.executable, "-m", "experiments.demo"]
    subprocess.run(
        [*command, f"--output_dir={tmp_path / 'demo'}", "--compilation_cache_dir="],
        check=True,
        # Optimized, as people run it.
        env={**os.environ, "XLA_FLAGS": ""},
    )
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    rows = summary["pictures"]
    assert len(rows) == 4
    assert {row["status"] for row in rows} == {"ok"}
    own = [row["psnr"] for row in rows if row["name"].startswith("generated")]
    assert min(own) >= 28
    rendered = [row for row in rows if row["name"].startswith("rendered")]
    assert len(rendered) == 2
    for row in rendered:
        assert row["binary_right"], row["binary_wrong"]
        assert row["attribute_error"] <= 1.5 * row["test_error"]
        assert row["same_person"]
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"contact_sheet.png", "loss_curves.png", "summary.csv"} <= names
    for row in rows:
        assert np.load(tmp_path / "demo" / f"{row['name']}.npy").ndim == 2
        assert f"{row['name']}.mp4" in names
