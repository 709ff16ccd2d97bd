"""data/pricing.json: prices of one's own, which come before those of genai-prices."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from addons.llm.prices.rates import FILE_SEARCH_FEE, SEARCH_FEE, Rates
from addons.llm.usage import Usage

PerMillion = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


class ModelPrice(BaseModel):
    """One entry: prices in USD per million tokens and per thousand searches, or `same_as`: the name of a model that has
    a price, for a name of one's own such as an Azure deployment's.

    A price of input or output that is left out is that of `input` or `output`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    input: PerMillion = Decimal(0)
    output: PerMillion = Decimal(0)
    cache_read: PerMillion | None = None
    cache_write: PerMillion | None = None
    cache_write_1h: PerMillion | None = None
    audio_input: PerMillion | None = None
    audio_output: PerMillion | None = None
    image_input: PerMillion | None = None
    image_output: PerMillion | None = None
    web_search: PerMillion = SEARCH_FEE
    file_search: PerMillion = FILE_SEARCH_FEE
    same_as: str = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ModelPrice":
        prices = self.model_fields_set - {"provider", "model", "same_as"}
        if self.same_as and prices:
            raise ValueError("has prices, or `same_as`, but not both")
        if not self.same_as and not {"input", "output"} <= prices:
            raise ValueError("needs `input` and `output`, or `same_as`")
        return self

    def rates(self) -> Rates:
        write = self.input if self.cache_write is None else self.cache_write
        parts = {
            "audio_input_tokens": self.audio_input,
            "audio_output_tokens": self.audio_output,
            "image_input_tokens": self.image_input,
            "image_output_tokens": self.image_output,
        }
        if self.cache_read is None:  # then cached audio and images are no cheaper than others, as in genai-prices
            parts |= {"cache_read_audio_tokens": self.audio_input, "cache_read_image_tokens": self.image_input}
        return Rates(
            input=self.input,
            output=self.output,
            cache_read=self.input if self.cache_read is None else self.cache_read,
            cache_write=write,
            cache_write_1h=write if self.cache_write_1h is None else self.cache_write_1h,
            web_search=self.web_search,
            file_search=self.file_search,
            parts={name: price for name, price in parts.items() if price is not None},
        )


class PricingFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: list[ModelPrice] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """Prices usages by an entry of data/pricing.json, which is the same for each usage at each time."""

    name: str
    fixed: Rates
    title: str = ""
    context_window: int | None = None

    def rates(self, usage: Usage, when: datetime) -> Rates:
        return self.fixed

    def cost(self, usage: Usage, when: datetime) -> Decimal:
        return self.fixed.cost(usage)
