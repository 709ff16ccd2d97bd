import gc
import weakref

from addons import gc_tuning


def test_what_is_there_is_not_looked_at_again_until_it_is_given_back() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc_tuning.settle()
    assert gc.get_freeze_count() > frozen and gc.get_threshold()[0] > usual[0]
    gc_tuning.unsettle()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, 0)


def test_garbage_is_freed_however_old_it_is() -> None:
    class Node:
        itself: object = None

    node = Node()
    node.itself = node
    for _ in range(3):
        gc.collect()  # so it is among the oldest
    freed = weakref.ref(node)
    del node
    gc.collect(1)
    assert freed() is not None
    gc_tuning.give_back()
    assert freed() is None
