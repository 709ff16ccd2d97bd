"""The fixes, in the order in which they are in force."""

from addons.engine.replacing import Fix
from addons.main import addons

FIXES = [type(each) for each in addons if isinstance(each, Fix)]
