import gc

from addons import gc_tuning


def test_what_is_there_is_not_looked_at_again_until_it_is_given_back() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc_tuning.settle()
    assert gc.get_freeze_count() > frozen and gc.get_threshold()[0] > usual[0]
    gc_tuning.unsettle()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, 0)
