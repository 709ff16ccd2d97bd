import io

from modeltrack_api.store.progress import TerminalProgress

MB = 10**6


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(out: io.StringIO, *states: tuple[float, int, int]) -> str:
    """After calls at so many seconds, with lines and megabytes read, of 100."""
    now = [0.0]
    progress = TerminalProgress(out, "log", lambda: now[0])
    for now[0], lines, done in states:
        progress(lines, done * MB, 100 * MB)
    return out.getvalue()


STATES = ((0.0, 0, 0), (1.0, 100, 10), (6.0, 600, 60), (10.0, 1000, 100))
END = "read log: 1,000 lines, 100.0 MB in 10.0 s"


def test_on_a_terminal_one_line_is_rewritten() -> None:
    assert told(Terminal(), *STATES).split("\r\x1b[K") == [
        "",
        "reading log: 100 lines, 10.0 of 100.0 MB, 10.0 MB/s, 9 s left",
        "reading log: 600 lines, 60.0 of 100.0 MB, 10.0 MB/s, 4 s left",
        END + "\n",
    ]


def test_elsewhere_there_is_a_line_now_and_then() -> None:
    assert told(io.StringIO(), *STATES).splitlines() == [
        "reading log: 600 lines, 60.0 of 100.0 MB, 10.0 MB/s, 4 s left",
        END,
    ]


def test_what_was_read_before_the_start_does_not_count_for_the_rate() -> None:
    assert "10.0 MB/s, 3 s left" in told(Terminal(), (0.0, 0, 60), (1.0, 100, 70))


def test_of_a_log_that_is_soon_read_nothing_is_said() -> None:
    assert told(Terminal(), (0.0, 1, 95), (9.0, 2, 100)) == ""
