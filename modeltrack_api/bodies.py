"""JSON bodies of requests, checked with pydantic."""

from typing import Any

from pydantic import BaseModel, ValidationError

from addons.ledger.validation import problem
from modeltrack_api.api import ApiError


def checked[M: BaseModel](model: type[M], body: Any) -> M:
    """Raises ApiError naming the first field that is wrong."""
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be an object")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise ApiError(400, problem(error.errors(include_url=False)[0])) from None
