from addons.llm.model_limits.memory import _MOST_REMEMBERED, REMEMBERED_SECONDS, Downgrade, RefusedDowngrades

KIND = Downgrade("anthropic", "claude-sonnet-4-6", "claude-haiku-4-5", ("thinking",))


def test_a_refused_downgrade_is_remembered_for_ten_minutes() -> None:
    now = 0.0
    refused = RefusedDowngrades(lambda: now)
    assert not refused and KIND not in refused
    refused.add(KIND)
    now = REMEMBERED_SECONDS - 0.1
    assert refused and KIND in refused
    now = REMEMBERED_SECONDS + 0.1
    assert KIND not in refused and not refused


def test_other_models_and_other_shapes_are_not_meant() -> None:
    refused = RefusedDowngrades(lambda: 0.0)
    refused.add(KIND)
    others = [
        KIND._replace(**{name: value}) for name, value in (("provider", "bedrock"), ("model", "x"), ("target", "x"))
    ]
    assert not any(kind in refused for kind in [*others, KIND._replace(shape=())])


def test_its_memory_is_bounded() -> None:
    refused = RefusedDowngrades(lambda: 0.0)
    kinds = [KIND._replace(model=str(number)) for number in range(_MOST_REMEMBERED + 1)]
    for kind in kinds:
        refused.add(kind)
    assert kinds[0] not in refused and kinds[-1] in refused
