"""Check how the lock of another release of mitmproxy is made of the packages that differ, and how it is used."""

from addons.engine.touchpoints.releases import RELEASES

from . import mitmproxy_releases
from .mitmproxy_releases import LOCK, blocks, differing, exchanged, other_lock, package

OURS = (
    "# head\na==1 \\\n    --hash=sha256:aa\n    # via b\nb==2\nc==3 ; python_version < '4' \\\n    --hash=sha256:cc\n"
)
THEIRS = (
    "# head\na==1 \\\n    --hash=sha256:aa\nb==1\nc==3 ; python_version < '3'\nc==4 ; python_version >= '3'\nd==9\n"
)


def test_what_differs_is_every_line_of_a_package_whose_versions_do() -> None:
    assert differing(OURS, THEIRS) == THEIRS.partition("sha256:aa\n")[2]
    assert differing(OURS, OURS) == ""


def test_what_differs_takes_the_place_of_what_is_locked() -> None:
    assert list(blocks(exchanged(OURS, differing(OURS, THEIRS)))) == [
        "a==1 \\",
        "b==1",
        "c==3 ; python_version < '3'",
        "c==4 ; python_version >= '3'",
        "d==9",
    ]


def test_each_other_release_is_pinned_by_its_lock_with_hashes() -> None:
    for release in RELEASES[:-1]:
        made = blocks(exchanged(LOCK.read_text(), other_lock(release).read_text()))
        assert f"mitmproxy=={release} " in " ".join(each for each in made if package(each) == "mitmproxy")
        assert all("--hash=sha256:" in block for block in made.values())
        assert "://" not in other_lock(release).read_text()


def test_what_it_runs_is_there() -> None:
    files = [name.partition("::")[0] for name in (*mitmproxy_releases.TESTS, *mitmproxy_releases.LEFT_OUT)]
    assert [name for name in files if not (LOCK.parent / name).exists()] == []
