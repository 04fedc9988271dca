"""What is counted in JAX's networks, against what is compiled of them."""

import pytest
from jax_interpreter import alone, needs_jax

from bench.adapters import jax as adapter
from bench.networks import count as networks


@needs_jax
def test_a_separable_layer_counts_as_two_convolutions_and_one_that_no_rule_knows_is_refused():
    (said,) = alone("""
from bench.networks import count as networks
adapter.start("cpu")
keras = adapter._keras()
two = keras.layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=2)
other = keras.layers.Conv1D(3, 1)
keras.Sequential([keras.Input((8, 8, 4)), two, keras.layers.Reshape((64, 6)), other])
try:
    networks.of_keras_layer(other)
except TypeError as error:
    say(two=networks.of_keras_layer(two), reason=str(error))
""")
    assert said["two"] == [64 * (8 * 9 + 6 * 8), 64 * (8 + 6)] and "Conv1D" in said["reason"]


# Counts what bench/networks/count.py does, but from what is compiled: the multiply-adds and the outputs of all convolutions and matrix products.
COUNTS = """
import jax

def products(graph):
    found = []
    for step in graph.eqns:
        out = step.outvars[0].aval
        if step.primitive.name == "conv_general_dilated":
            filters = step.invars[1].aval
            found.append((out.size, out.size * filters.size // filters.shape[step.params["dimension_numbers"].rhs_spec[0]]))
        elif step.primitive.name == "dot_general":
            (summed, _), _ = step.params["dimension_numbers"]
            found.append((out.size, out.size * int(np.prod([step.invars[0].aval.shape[axis] for axis in summed]))))
        for inner in jax.tree.leaves(list(step.params.values()), is_leaf=lambda value: hasattr(value, "eqns") or hasattr(value, "jaxpr")):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                found += products(getattr(inner, "jaxpr", inner))
    return found

for model in sys.argv[1:]:
    network = adapter.load("classification", model)
    answers = network.answers((images(model, 2),))[0]
    found = products(jax.make_jaxpr(network._compiled)(*network.weights, network._images(images(model, 1))).jaxpr)
    say(model=model, parameters=sum(int(value.size) for value in network.weights[0]), multiply_adds=sum(many for _, many in found),
        activations=sum(size for size, _ in found), shape=answers.shape, finite=bool(np.isfinite(answers).all()),
        apart=float(np.ptp(answers, axis=0).max() / np.abs(answers).max()))
"""

# Published parameters, and multiply-adds, of the networks whose names are those of other frameworks' networks.
PUBLISHED = {
    "VGG-16": (138_357_544, 15.47e9), "VGG-19": (143_667_240, 19.63e9), "DenseNet-121": (7_978_856, 2.834e9), "DenseNet-169": (14_149_480, 3.360e9),
    "DenseNet-201": (20_013_928, 4.291e9), "ConvNeXt-T": (28_589_128, 4.456e9), "ConvNeXt-S": (50_223_688, 8.684e9), "ConvNeXt-B": (88_591_464, 15.355e9),
}  # fmt: skip


def test_each_network_with_a_name_of_others_has_its_size_published():
    assert set(PUBLISHED) == {model for model in adapter.models["classification"] if not model.startswith("Keras-")}


TRIED = ("DenseNet-121", "ConvNeXt-T", "Keras-MobileNetV3Small")  # all 24 take 8 minutes


@needs_jax
@pytest.mark.thorough
def test_a_network_answers_and_is_of_the_size_that_its_name_stands_for():
    for said in alone(COUNTS, *TRIED):
        assert said["shape"] == [2, 1000] and said["finite"] and said["apart"] > 0.01, said
        if said["model"] in PUBLISHED:
            parameters, multiply_adds = PUBLISHED[said["model"]]
            assert said["parameters"] == parameters and said["multiply_adds"] == pytest.approx(multiply_adds, rel=0.002), said
        same = networks.table()[said["model"]]
        assert tuple(said[name] for name in same._fields) == same, said
