"""What holds for all tests: no property is judged by the clock, for the machine may be busy with others."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
