"""Prepare the kernel that runs a notebook for the site: plots become parts of the page, and reads are reported."""

import json
import os

import site_figures
import site_reads


def load_ipython_extension(shell):
    """Called by IPython; only the site's build loads this, so a reader's own Jupyter is as ever."""
    site_figures.install()
    report = os.open(os.environ["DLMARK_SITE_REPORT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    site_reads.watch(report, json.loads(os.environ["DLMARK_SITE_ROOTS"]))
