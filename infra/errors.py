"""The one exception the command line prints as a single line."""


class OperatorError(Exception):
    """Something the operator can understand and put right; its text is the whole message."""
