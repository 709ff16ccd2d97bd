"""Hold what the tests of usage start from."""

from addons.llm.usage import Estimate

ESTIMATE = Estimate(input_tokens=77, output_tokens=33)
