"""CUDA_VISIBLE_DEVICES is read as CUDA reads it, and never widened."""

import pytest

from dlmark.machine.visible import Ambiguous, Board, left

ONE, TWO, THREE = (Board(f"gpu:{n}", "A", f"GPU-{n}aaa-000{n}") for n in range(3))
CUT = Board("gpu:3", "A", "GPU-3aaa-0003", {"gpu:3.1": "MIG-b1", "gpu:3.4": "MIG-b4"})
OTHER = Board("gpu:1", "B", "GPU-1bbb-0001")


def seen(boards, value, **environment):
    return left(boards, {"CUDA_VISIBLE_DEVICES": value, **environment})


def test_without_the_variable_all_are_left_and_of_one_that_is_cut_all_slices():
    assert left([ONE, CUT], {}) == {"gpu:0", "gpu:3.1", "gpu:3.4"}


@pytest.mark.parametrize("value, where", [
    ("2", {"gpu:2"}), ("0,2", {"gpu:0", "gpu:2"}), (" 1 , 0 ", {"gpu:0", "gpu:1"}), ("", set()), ("-1", set()), ("0,-1,2", {"gpu:0"}), ("7", set()),
    ("0,7,2", {"gpu:0"}), ("NoDevFiles", set()), ("none", set()), ("GPU-2aaa-0002", {"gpu:2"}), ("GPU-2", {"gpu:2"}), ("GPU-", set()),
    ("GPU-9,0", set()), ("1,1", {"gpu:1"}), ("0;1", set()), ("MIG-b4", set()), ("²", set()),
])  # fmt: skip
def test_numbers_uuids_and_their_beginnings_are_understood_up_to_the_first_that_means_nothing(value, where):
    assert seen([ONE, TWO, THREE], value) == where


def test_a_beginning_that_two_share_means_neither():
    assert seen([ONE, ONE._replace(where="gpu:9", uuid="GPU-0aaa-0009")], "GPU-0aaa") == set()


@pytest.mark.parametrize(
    "value, where", [("1", {"gpu:3.1"}), ("GPU-3aaa", {"gpu:3.1"}), ("MIG-b4", {"gpu:3.4"}), ("MIG-b4,0", {"gpu:3.4", "gpu:0"}), ("MIG-b", set())]
)
def test_of_a_board_that_is_cut_a_number_means_the_first_slice_and_its_own_name_any(value, where):
    assert seen([ONE, CUT], value) == where


def test_a_number_among_gpus_that_differ_is_not_guessed():
    with pytest.raises(Ambiguous, match="=1 counts as CUDA does.*set CUDA_DEVICE_ORDER=PCI_BUS_ID.*or name the GPU by its UUID"):
        seen([ONE, OTHER], "1")
    assert seen([ONE, OTHER], "1", CUDA_DEVICE_ORDER="PCI_BUS_ID") == {"gpu:1"}
    assert seen([ONE, OTHER], "0,1") == seen([ONE, OTHER], "1,0") == {"gpu:0", "gpu:1"}
    assert seen([ONE, OTHER], "GPU-1bbb") == {"gpu:1"} and seen([ONE, OTHER], "") == set()
