"""What a page chooses out of the results."""

import pandas as pd
import pytest

from dlmark.analysis import choice
from dlmark.results.nothing import Nothing


def points(device, number, batch_size=8, throughput=1.0):
    return [{"device": device, "model": f"net {n}", "batch_size": batch_size, "throughput": throughput} for n in range(number)]


def frame(*parts):
    return pd.DataFrame([row for part in parts for row in part])


def test_rows_are_those_with_the_value_or_one_of_the_values():
    data = frame(points("a", 2), points("b", 3, 1), points("b", 1, 64))
    assert len(choice.rows(data, device="b")) == 4 and len(choice.rows(data, device="b", batch_size=[1, 8])) == 3
    assert len(choice.rows(data, device=data["device"])) == 6


@pytest.mark.parametrize("wanted, text", [
    ({"device": "c", "batch_size": [1, 8]}, "no result has the device c, the batch size 1 or 8."),
    ({"device": []}, "no result has the device that is known."),
    ({"device": list("cdefgh")}, "no result has the device c or d or e or f or g …."),
])  # fmt: skip
def test_no_rows_are_nothing_and_it_says_of_what(wanted, text):
    with pytest.raises(Nothing) as error:
        choice.rows(frame(points("a", 2)), **wanted)
    assert str(error.value) == f"There is nothing to show here: {text}"


@pytest.mark.parametrize("call", [lambda data: choice.rows(data, devise="a"), lambda data: choice.most_measured(data, {"devise": "a"}),
                                  lambda data: choice.with_accuracy(data, data)])  # fmt: skip
def test_a_missing_column_is_a_mistake(call):
    with pytest.raises(ValueError, match=r"expected column\(s\) \['(devise|accuracy)'\]") as error:
        call(frame(points("a", 1)))
    assert not isinstance(error.value, Nothing)


def test_the_device_with_most_throughputs_is_chosen():
    data = frame(points("a", 2), points("b", 3), points("c", 9, throughput=None), points(None, 9))
    assert choice.most_measured(data) == "b"


def test_one_that_has_what_the_page_draws_goes_before_one_with_more():
    data = frame(points("a", 2, 32), points("b", 90, 1), points("c", 4, 32, throughput=None))
    assert choice.most_measured(data, {"batch_size": 32}) == "a" and choice.most_measured(data, {"batch_size": 64}) == "b"


def test_of_equals_it_is_the_first_by_name_whatever_the_order():
    data = frame(points("b", 2), points("a", 2))
    assert choice.most_measured(data) == choice.most_measured(data.iloc[::-1]) == "a"


def test_no_throughput_of_a_named_device_is_nothing():
    with pytest.raises(Nothing, match="no result has a throughput and a device"):
        choice.most_measured(frame(points("a", 2, throughput=None), points(None, 3)))


def test_the_accuracy_of_a_network_is_the_first_that_there_is():
    known = pd.DataFrame({"model": ["net 0", "net 0", "net 1", "net 9"], "accuracy": [None, 0.7, 0.6, 0.5]})
    found = choice.with_accuracy(frame(points("a", 3)), known)
    assert dict(zip(found["model"], found["accuracy"])) == {"net 0": 0.7, "net 1": 0.6}
