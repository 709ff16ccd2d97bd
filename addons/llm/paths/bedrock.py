"""List the paths of Bedrock: its runtime and control APIs, and OpenAI's and Anthropic's on paths of its own.

Sources: botocore 1.44.5, the service models `bedrock-runtime` and `bedrock`;
https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html and https://aws.amazon.com/bedrock/pricing.
"""

from addons.llm.paths import anthropic, openai
from addons.llm.paths.table import PathTable, joined, under

# Names may be ARNs, which have slashes. Definitions, permissions and settings cost nothing.
_FREE = """
DELETE /{any*}
POST /model/{modelId*}/count-tokens
POST /listTagsForResource
POST /tagResource
POST /untagResource
POST /model-invocation-job/{jobIdentifier*}/stop
POST /model-customization-jobs/{jobIdentifier*}/stop
POST /evaluation-job/{jobIdentifier*}/stop
POST /evaluation-jobs/batch-delete
POST /advanced-prompt-optimization-job/batch-delete
POST /advanced-prompt-optimization-jobs/{jobIdentifier*}/stop
POST /automated-reasoning-policies/{policyArn*}/build-workflows/{buildWorkflowId}/cancel
POST /create-foundation-model-agreement
POST /delete-foundation-model-agreement
POST /use-case-for-model-access
POST /guardrails
POST /guardrails/{guardrailIdentifier*}
PUT /guardrails/{guardrailIdentifier*}
PUT /enforcedGuardrailsConfiguration
POST /inference-profiles
POST /prompt-routers
POST /resource-policy
PUT /data-retention
PUT /logging/modelinvocations
"""

_BILLED_LATER = """
POST /model-invocation-job
"""

_UNMETERED = """
POST /openai/v1/completions
POST /openai/v1/embeddings
POST /v1/completions
POST /v1/embeddings
POST /async-invoke
POST /model/{modelId*}/invoke-with-bidirectional-stream
POST /guardrail/{guardrailIdentifier*}/version/{guardrailVersion}/apply
POST /guardrail-checks/invoke
POST /advanced-prompt-optimization-jobs
POST /automated-reasoning-policies
PATCH /automated-reasoning-policies/{policyArn*}
POST /automated-reasoning-policies/{policyArn*}/test-cases
POST /automated-reasoning-policies/{policyArn*}/versions
POST /automated-reasoning-policies/{policyArn*}/build-workflows/{buildWorkflowType}/start
POST /automated-reasoning-policies/{policyArn*}/build-workflows/{buildWorkflowId}/test-workflows
POST /custom-models/create-custom-model
POST /evaluation-jobs
POST /marketplace-model/endpoints
PATCH /marketplace-model/endpoints/{endpointArn*}
POST /marketplace-model/endpoints/{endpointIdentifier*}/registration
POST /model-copy-jobs
POST /model-customization-jobs
POST /model-customization/custom-model-deployments
PATCH /model-customization/custom-model-deployments/{customModelDeploymentIdentifier*}
POST /model-import-jobs
POST /provisioned-model-throughput
PATCH /provisioned-model-throughput/{provisionedModelId*}
"""

_BASES = ("/openai/v1", "/v1")
_ANTHROPICS = "/v1/messages"


def _of(openais: str, anthropics: str) -> list[str]:
    return [*(under("/v1", base, openais) for base in _BASES), under("/v1", "/v1", anthropics, _ANTHROPICS)]


PATHS = PathTable(
    free=joined([_FREE, *_of(openai.PATHS.free, anthropic.PATHS.free)]),
    billed_later=joined([_BILLED_LATER, *_of(openai.PATHS.billed_later, anthropic.PATHS.billed_later)]),
    unmetered=joined([_UNMETERED, *_of(openai.PATHS.unmetered, anthropic.PATHS.unmetered)]),
)
