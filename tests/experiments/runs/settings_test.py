from experiments.runs import settings


def test_only_what_differs_is_named():
    before = {"seed": 0, "projector": {"num_steps": 3000, "terms": [{"weight": 1.0}]}}
    now = {"seed": 0, "projector": {"num_steps": 2000, "terms": [{"weight": 1.0}]}}
    assert settings.differences(before, now) == "num_steps: 3000 then, 2000 now"
    assert settings.differences(before, before) == ""


def test_names_are_as_long_as_they_must_be():
    before = {"a": {"rate": 1}, "b": {"rate": 2}, "tuple": (1, 2)}
    now = {"a": {"rate": 3}, "b": {"rate": 4}, "tuple": [1, 2]}
    found = settings.differences(before, now)
    assert found == "a.rate: 1 then, 3 now; b.rate: 2 then, 4 now"


def test_a_part_of_another_kind_is_one_difference():
    before = {"schedule": {"is": "Constant", "learning_rate": 1.0}}
    now = {"schedule": {"is": "CosineRamps", "learning_rate": 0.1, "ramp": 0.2}}
    found = settings.differences(before, now)
    assert found == "schedule: Constant then, CosineRamps now"


def test_what_is_missing_or_long():
    found = settings.differences({"x": None}, {"x": "y" * 99, "z": 1})
    assert found == f"x: none then, {'y' * 37}... now; z: none then, 1 now"
