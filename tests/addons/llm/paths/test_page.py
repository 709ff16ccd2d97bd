from .page import BEGIN, PAGE, made


def test_the_page_of_paths_has_every_line_of_the_lists() -> None:
    assert PAGE.read_text().partition(BEGIN)[2] == "\n" + made(), "run python -m tests.addons.llm.paths.page"
