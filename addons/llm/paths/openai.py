"""List the paths of OpenAI's API.

Sources: openai's SDK 3.54 (`resources/`), https://platform.openai.com/docs/api-reference and …/docs/pricing.
"""

from addons.llm.paths.table import PathTable

# Nobody pays for a delete, a file, a definition, or administration; vector stores, containers and runs are paid for.
_FREE = """
DELETE /v1/{any*}
POST /v1/organization/{any*}
POST /v1/projects/{any*}
POST /v1/moderations
POST /v1/chat/completions/{completion_id}
POST /v1/responses/input_tokens
POST /v1/responses/{response_id}/cancel
POST /v1/batches/{batch_id}/cancel
POST /v1/files
POST /v1/uploads
POST /v1/uploads/{upload_id}/parts
POST /v1/uploads/{upload_id}/complete
POST /v1/uploads/{upload_id}/cancel
POST /v1/conversations
POST /v1/conversations/{conversation_id}
POST /v1/conversations/{conversation_id}/items
POST /v1/assistants
POST /v1/assistants/{assistant_id}
POST /v1/threads
POST /v1/threads/{thread_id}
POST /v1/threads/{thread_id}/messages
POST /v1/threads/{thread_id}/messages/{message_id}
POST /v1/threads/{thread_id}/runs/{run_id}
POST /v1/threads/{thread_id}/runs/{run_id}/cancel
POST /v1/chatkit/sessions/{session_id}/cancel
POST /v1/vector_stores/{vector_store_id}
POST /v1/vector_stores/{vector_store_id}/files/{file_id}
POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel
POST /v1/evals
POST /v1/evals/{eval_id}
POST /v1/evals/{eval_id}/runs/{run_id}/cancel
POST /v1/fine_tuning/alpha/graders/validate
POST /v1/fine_tuning/checkpoints/{checkpoint}/permissions
POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel
POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/pause
POST /v1/realtime/calls/{call_id}/hangup
POST /v1/realtime/calls/{call_id}/reject
POST /v1/live/sessions/{session_id}/hangup
POST /v1/live/sessions/{session_id}/reject
POST /v1/agents
POST /v1/agents/{agent_id}
POST /v1/agents/automations/{automation_id}/pause
POST /v1/agents/environments/templates/{environment_template_id}
POST /v1/skills
POST /v1/skills/{skill_id}
POST /v1/skills/{skill_id}/versions
POST /v1/vaults
POST /v1/vaults/{any*}
POST /v1/webhook_endpoints
POST /v1/webhook_endpoints/{webhook_endpoint_id}
POST /v1/webhook_endpoints/{webhook_endpoint_id}/rotate_secret
POST /v1/webhook_endpoints/{webhook_endpoint_id}/test
"""

_BILLED_LATER = """
POST /v1/batches
"""

_UNMETERED = """
POST /v1/images/generations
POST /v1/images/edits
POST /v1/images/variations
POST /v1/audio/speech
POST /v1/audio/transcriptions
POST /v1/audio/translations
POST /v1/audio/voices
POST /v1/audio/voice_consents
POST /v1/audio/voice_consents/{consent_id}
POST /v1/videos
POST /v1/videos/characters
POST /v1/videos/edits
POST /v1/videos/extensions
POST /v1/videos/{video_id}/remix
POST /v1/realtime/calls
POST /v1/realtime/calls/{call_id}/accept
POST /v1/realtime/calls/{call_id}/refer
POST /v1/realtime/client_secrets
POST /v1/realtime/sessions
POST /v1/realtime/transcription_sessions
POST /v1/realtime/translations/client_secrets
POST /v1/live/sessions
POST /v1/live/sessions/{session_id}/accept
POST /v1/live/sessions/{session_id}/fork
POST /v1/live/sessions/{session_id}/refer
POST /v1/threads/runs
POST /v1/threads/{thread_id}/runs
POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs
POST /v1/chatkit/sessions
POST /v1/agents/automations
POST /v1/agents/automations/{automation_id}
POST /v1/agents/automations/{automation_id}/resume
POST /v1/agents/automations/{automation_id}/invocations
POST /v1/agents/environments
POST /v1/agents/environments/templates
POST /v1/agents/environments/{environment_id}
POST /v1/agents/environments/{environment_id}/files
POST /v1/agents/sessions
POST /v1/agents/sessions/{session_id}
POST /v1/agents/sessions/{session_id}/events
POST /v1/containers
POST /v1/containers/{container_id}/files
POST /v1/vector_stores
POST /v1/vector_stores/{vector_store_id}/files
POST /v1/vector_stores/{vector_store_id}/file_batches
POST /v1/vector_stores/{vector_store_id}/search
POST /v1/evals/{eval_id}/runs
POST /v1/fine_tuning/jobs
POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/resume
POST /v1/fine_tuning/alpha/graders/run
POST /v1/decisions
POST /v1/content_provenance_checks
"""

PATHS = PathTable(_FREE, _BILLED_LATER, _UNMETERED)
