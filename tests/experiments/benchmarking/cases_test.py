"""Combinations that make no sense are left out; bad ones are refused."""

import pytest

from experiments.benchmarking import cases

ALL = {
    "workloads": cases.WORKLOADS,
    "families": cases.FAMILIES,
    "resolutions": (64, 256),
    "batches": (1, 8),
    "dtypes": cases.DTYPES,
}


def test_every_case_is_there_once():
    names = [case.name for case in cases.expand(**ALL)]
    assert len(names) == len(set(names))
    # 2 resolutions x 2 batches: mapping 3 families, synthesis, gradient and inversion
    # 3 families x 2 dtypes, VGG forward and backward, filtered leaky ReLU likewise in
    # 2 dtypes, training in 2, an encoder in one and its training in 2.
    assert len(names) == 4 * (3 + 3 * 6 + 2 + 4 + 2 + 1 + 2)
    assert "inversion stylegan2 256 x8 bfloat16" in names


def test_single_layers_have_rows_of_their_own():
    options = {**ALL, "dtypes": ("float32",), "resolutions": (256,), "batches": (1,)}
    chosen = ("filtered_lrelu", "mapping")
    names = [
        case.name
        for case in cases.expand(**{**options, "workloads": chosen}, layers=(6, 11))
    ]
    assert names[:2] == [
        "filtered_lrelu stylegan3 256 x1 float32 L6",
        "filtered_lrelu stylegan3 256 x1 float32 L11",
    ]
    assert len(names) == 2 + 3  # a mapping has no layers to choose


def test_coarse_rows_come_beside_full_ones():
    options = {**ALL, "workloads": ("inversion",), "dtypes": ("float32",)}
    coarse = [c for c in cases.expand(**options, stages=((0.5, 128),)) if c.stages]
    assert [c.name for c in coarse] == [
        "inversion stylegan2 256 x1 float32 coarse 0.5:128",
        "inversion stylegan2 256 x8 float32 coarse 0.5:128",
    ]


def test_refuses_unknown_names():
    with pytest.raises(ValueError, match="Unknown: .'juggling'"):
        list(cases.expand(**{**ALL, "workloads": ("juggling",)}))
