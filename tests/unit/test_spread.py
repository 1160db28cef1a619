# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where instances go, and how many there may be."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.scale import count, planned, refusal, spread


@pytest.mark.parametrize("given", [3, "3", " 3 "])
def test_a_number_in_a_text_is_a_number(given: object) -> None:
    assert count(given) == 3


@pytest.mark.parametrize("given", [0, -1, "0", "-1", 3.5, "3.5", "many", "", None, True, "٣", "1e3"])
def test_what_is_no_whole_number_above_zero_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number above 0"):
        count(given)


@pytest.mark.parametrize(
    ("running", "replicas", "planned"),
    [
        ({"a": [1], "b": []}, 3, {"a": [1, 3], "b": [2]}),
        ({"a": [], "b": []}, 4, {"a": [1, 3], "b": [2, 4]}),
        ({"a": [1, 2], "b": [4]}, 4, {"a": [1, 2], "b": [3, 4]}),
        ({"a": [1, 3], "b": [2]}, 2, {"a": [1], "b": [2]}),
        ({"a": [1], "b": [2]}, 2, {"a": [1], "b": [2]}),
        ({"a": [7]}, 2, {"a": [1, 7]}),
    ],
)
def test_new_instances_go_where_the_fewest_are(running: dict[str, list[int]], replicas: int, planned: dict[str, list[int]]) -> None:
    assert spread(running, replicas) == planned


@pytest.mark.parametrize(
    ("running", "replicas", "planned_counts"), [((1, 0), 3, (2, 1)), ((3, 1), 2, (1, 1)), ((2,), 5, (5,)), ((0, 0, 0), 2, (1, 1, 0))]
)
def test_counts_are_kept_even(running: tuple[int, ...], replicas: int, planned_counts: tuple[int, ...]) -> None:
    states = {f"host{number}": {"replicas": each, "image": "api:1"} for number, each in enumerate(running)}
    assert [state["replicas"] for state in planned(states, replicas).values()] == list(planned_counts)


def test_bounds_and_scaling_down_are_refused_in_words() -> None:
    assert "replicas.max" in refusal(now=1, replicas=5, least=None, most=4, down=False)
    assert "replicas.min" in refusal(now=3, replicas=1, least=2, most=None, down=True)
    assert "allow_scale_down=true" in refusal(now=3, replicas=2, least=None, most=None, down=False)
    assert refusal(now=3, replicas=2, least=2, most=4, down=True) == ""
    assert refusal(now=3, replicas=4, least=None, most=4, down=False) == ""
