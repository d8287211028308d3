"""What is said of input that the user can mend."""


class InputError(ValueError):
    """Something in the user's input that they can mend; the message says where and how."""


def counted(number, noun):
    """A number with its noun: "1 row", "2 rows"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
