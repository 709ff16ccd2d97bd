"""ModelRules: apply data/routing.json, to give a call a cheaper model or refuse it when a budget is nearly spent."""

from mitmproxy import http

from addons.core import Core
from addons.flow.attached import call_of, open_call
from addons.flow.downgrade import apply_rules, learn
from addons.flow.guard import guarded
from addons.flow.headers import put
from addons.flow.replies import refuse
from addons.flow.upstream import aim
from addons.llm.call import CallState
from addons.llm.parsing.json_edit import replace_member


class ModelRules:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        """Do nothing: the call goes on with the model that it asks for."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        call = open_call(flow)
        if not call or not call.request:
            return

        def set_model(model: bytes) -> None:
            flow.request.content = replace_member(flow.request.raw_content or b"", "model", model)

        refuse(flow, call, apply_rules(self.core, call, set_model))
        if call.routed_to:
            aim(flow, call, self.core.settings.endpoints, self.core.withheld)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if (call := call_of(flow)) and call.routed_to and flow.response:
            headers = {
                "X-ModelTrack-Routed": "true",
                "X-ModelTrack-Original-Model": call.routed_from,
                "X-ModelTrack-Routed-To": call.routed_to,
                "X-ModelTrack-Route-Reason": call.route_reason,
            }
            put(flow.response.headers, headers)
            if call.state is CallState.SENT and not call.error:  # else the proxy itself answered
                learn(self.core, call, flow.response.status_code)
