"""Raise alerts for models without a price, and look up what became of them."""

from tests.modeltrack_api.alerting.started import Api, FakeSlack

MODELS = ["m0", "m1", "m2"]


def alert(api: Api, *models: str) -> None:
    for model in models:
        api.spend(None, model=model)
        api.look()


def arrived(slack: FakeSlack) -> list[str]:
    """Return the models that the messages are about."""
    return [text.split("'")[1] for text in slack.texts]


def states(api: Api) -> list[tuple[str, str | None]]:
    return [(item["slack"], item["slack_error"]) for item in reversed(api.get("/api/alerts"))]
