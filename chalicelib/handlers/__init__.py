"""The entry points of the functions: an event in, one use case, a response out."""

import gc

#: Objects made and not given up again between two looks for garbage. A start makes some 90 000
#: that stay, and looking through them again and again is a twentieth of it (make bench).
_OBJECTS_BETWEEN_COLLECTIONS = 150_000

gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
