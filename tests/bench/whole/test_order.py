"""The one list of all that is to be measured: in which order, and how long it takes."""

import pytest

from bench.whole.order import Part, ordered

SIZES = [1, 8, 32]


def part(framework="a", sub="throughput", place=0, models="XYZ", few="X", rounds=1, held=(), **fields):
    """A part of the plan, of which the points in `held` have all of their rounds, those in a dictionary some."""
    sizes = [1] if sub != "throughput" else SIZES
    lacking = {(model, b): rounds for model in models for b in sizes} | dict(held)
    plan = {"bench": "cnn", "sub": sub, "place": place, "trains": False, "precision": f"p{place}", "mode": None, "rounds": rounds, "command_s": 5.0, "arguments": [],
            "jobs": [[model, sizes, {}] for model in models], "few": list(few), "process_s": dict.fromkeys(models, 3.0),
            "points": [[*one, visits, 60.0] for one, visits in lacking.items() if visits], **fields}  # fmt: skip
    return Part(framework, "python", ["cpu"], plan)


def listed(*parts):
    return [(step.part.framework, step.part.plan["place"], "".join(step.models), step.sizes, step.number) for step in ordered(list(parts))]


def test_each_network_and_framework_has_one_point_before_any_has_a_second():
    steps = ordered([part("a"), part("b"), part("b", place=1)])
    seen = {}
    for step in steps:
        for model, _ in step.points:
            seen[step.part.framework, model] = seen.get((step.part.framework, model), 0) + 1
            if seen[step.part.framework, model] == 2:
                assert len(seen) == 6
    assert all(times == 6 for (framework, _), times in seen.items() if framework == "b")


def test_one_network_of_each_framework_comes_first_of_all():
    assert listed(part("a", few="XY"), part("b", few="XY"))[:4] == [("a", 0, "X", [8], 1), ("b", 0, "X", [8], 1), ("a", 0, "Y", [8], 1), ("b", 0, "Y", [8], 1)]


def test_the_middle_batch_comes_first_and_the_few_networks_of_all_frameworks_before_the_rest_of_any():
    assert listed(part("a"), part("b"))[:4] == [("a", 0, "X", [8], 1), ("b", 0, "X", [8], 1), ("a", 0, "YZ", [8], 1), ("b", 0, "YZ", [8], 1)]


def test_ceilings_come_early_and_the_largest_batch_before_the_rest():
    steps = ordered([part(), part(sub="largest-batch-size"), part(bench="device", sub="ceilings", models=["call"], few=["call"])])
    kinds = [(step.part.plan["sub"], "".join(step.models)) for step in steps]
    assert kinds[1] == ("ceilings", "call") and kinds.index(("largest-batch-size", "X")) < kinds.index(("throughput", "YZ"), 3)


def test_one_round_of_everything_comes_before_the_second_of_any():
    numbers = [step.number for step in ordered([part("a", rounds=2), part("b", rounds=2)])]
    assert numbers == sorted(numbers) and set(numbers) == {1, 2}


def test_no_point_stands_twice_in_a_round_and_none_is_missing():
    for number in (1, 2):
        points = [(step.part.framework, one) for step in ordered([part("a", rounds=2), part("b", rounds=2)]) if step.number == number for one in step.points]
        assert len(points) == len(set(points)) == 2 * 9


def test_what_is_held_is_not_listed_and_what_lacks_its_last_round_comes_in_that():
    held = {("X", b): 0 for b in SIZES} | {("Y", 8): 1}
    steps = ordered([part(rounds=2, held=held.items())])
    assert not [step for step in steps if "X" in step.models]
    assert [step.number for step in steps if ("Y", 8) in step.points] == [2]


def test_what_takes_little_together_is_one_command():
    little = part(place=1)
    for point in little.plan["points"]:
        point[3] = 1.0
    assert len(ordered([little])) == 1 and len(ordered([part(place=1)])) > 1


def test_a_step_takes_its_processes_and_its_points():
    (first, *_) = ordered([part()])
    assert first.points == [("X", 8)] and first.expected_s == pytest.approx(5 + 60 + 3 * (1 - 1 / 3))
