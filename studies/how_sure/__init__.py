"""How sure is a number, and what does it cost? Its raw data are in results/, its page is notebooks/how-sure.ipynb."""
