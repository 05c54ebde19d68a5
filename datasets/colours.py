"""One colour a class, the same in every picture and map."""

BLACK = (0, 0, 0)
OKABE_ITO = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""RGB of classes 1, 2, …, and from the start again after the last; background is black. Told apart
with any colour vision: Okabe & Ito 2008, "Color Universal Design"."""

IGNORED_GREY = (153, 153, 153)


def class_colour(class_id: int) -> tuple[int, int, int]:
    """RGB of a class id, from 0, in every picture and map."""
    return OKABE_ITO[(class_id - 1) % len(OKABE_ITO)] if class_id else BLACK
