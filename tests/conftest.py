"""Settings that every test shares: hypothesis searches the same examples on every run, and never looks at the clock.

`pytest --hypothesis-profile=search` looks for new ones. Nothing else belongs here.
"""

from hypothesis import settings

settings.register_profile("repeat", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile("repeat")
