"""How hard the properties are tried: the same everywhere, and never by the clock."""

from hypothesis import settings

settings.register_profile("project", deadline=None, max_examples=150, print_blob=True)
settings.load_profile("project")
