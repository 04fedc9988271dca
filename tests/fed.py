"""A network of an adapter, fed as the bench feeds it."""

from bench.cnn import TASK


def prepared(adapter, network, model, batch_size, training=False):
    """What runs one batch of a network, and what waits for it."""
    network.feed(TASK.batches(adapter.input_shape(TASK.name, model), batch_size, training=training))
    return network.run, network.wait
