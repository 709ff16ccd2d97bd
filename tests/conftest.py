from hypothesis import settings

# A machine that is busy is no failure of a property.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
