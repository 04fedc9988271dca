"""The plots: a DataFrame in, a figure out; nothing is read, shown or changed."""
