"""The campaign of kills watches functions that exist."""

import pytest

from fuzz import kill_scenarios


@pytest.mark.parametrize("name", sorted(kill_scenarios.SCENARIOS))
def test_every_mark_is_a_function(name):
    scenario = kill_scenarios.SCENARIOS[name]
    assert scenario.marks
    for where in scenario.marks:
        owner, attribute = kill_scenarios._owner(where)
        assert callable(getattr(owner, attribute)), where
