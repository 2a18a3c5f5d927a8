"""What holds for every test: none asserts a time, and that goes for the cases that hypothesis makes, too."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
