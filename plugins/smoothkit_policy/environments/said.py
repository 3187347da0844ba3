"""What an error says, fit for one line of a message."""


def said(error: BaseException) -> str:
    """The error's kind and its text, without line breaks.

    >>> said(ValueError("too\\n   large"))
    'ValueError: too large'
    >>> said(KeyError())
    'KeyError'
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
