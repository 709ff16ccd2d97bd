"""List the paths of Anthropic's API.

Sources: anthropic's SDK 2.12 (`resources/`) and https://platform.claude.com/docs/en/api. Those below `/api` are what
Claude Code sends to the same host.
"""

from addons.llm.paths.table import PathTable

# Storing, defining and administering cost nothing. Sessions of agents, and what starts them, are paid for.
_FREE = """
DELETE /v1/{any*}
POST /v1/messages/count_tokens
POST /v1/messages/batches/{message_batch_id}/cancel
POST /v1/files
POST /v1/skills
POST /v1/skills/{skill_id}/versions
POST /v1/organizations/{any*}
POST /v1/oauth/token
POST /v1/agents
POST /v1/agents/{agent_id}
POST /v1/agents/{agent_id}/archive
POST /v1/deployments/{deployment_id}/archive
POST /v1/deployments/{deployment_id}/pause
POST /v1/dreams/{dream_id}/archive
POST /v1/dreams/{dream_id}/cancel
POST /v1/environments
POST /v1/environments/{environment_id}
POST /v1/environments/{environment_id}/archive
POST /v1/environments/{environment_id}/work/{work_id}/stop
POST /v1/memory_stores
POST /v1/memory_stores/{any*}
POST /v1/sessions/{session_id}
POST /v1/sessions/{session_id}/archive
POST /v1/sessions/{session_id}/resources
POST /v1/sessions/{session_id}/resources/{resource_id}
POST /v1/sessions/{session_id}/threads/{thread_id}/archive
POST /v1/tunnels
POST /v1/tunnels/{any*}
POST /v1/user_profiles
POST /v1/user_profiles/{any*}
POST /v1/vaults
POST /v1/vaults/{any*}
POST /api/claude_code/{any*}
POST /api/claude_cli_feedback
POST /api/event_logging/{any*}
POST /api/oauth/{any*}
"""

_BILLED_LATER = """
POST /v1/messages/batches
"""

_UNMETERED = """
POST /v1/deployments
POST /v1/deployments/{deployment_id}
POST /v1/deployments/{deployment_id}/run
POST /v1/deployments/{deployment_id}/unpause
POST /v1/dreams
POST /v1/environments/{environment_id}/work/{work_id}
POST /v1/environments/{environment_id}/work/{work_id}/ack
POST /v1/environments/{environment_id}/work/{work_id}/heartbeat
POST /v1/sessions
POST /v1/sessions/{session_id}/events
"""

PATHS = PathTable(_FREE, _BILLED_LATER, _UNMETERED)
