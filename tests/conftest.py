import gc

from hypothesis import settings

# A machine that is busy is no failure of a property.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_collection_finish() -> None:
    """Keep thousands of tests, which stay to the end, out of what the garbage collector goes through."""
    gc.collect()
    gc.freeze()
