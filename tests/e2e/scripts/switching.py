"""A script beside ModelTrack's: its hook fails when told to, and it switches the fast dispatch as a user of mitmweb
may. Loaded before addons/main.py.
"""

from mitmproxy import ctx, http


def requestheaders(flow: http.HTTPFlow) -> None:
    if wanted := flow.request.headers.get("x-switch"):
        ctx.options.update(modeltrack_fast_dispatch=wanted == "on")
    if "x-fail" in flow.request.headers:
        raise RuntimeError("the script before ModelTrack's has failed")


def response(flow: http.HTTPFlow) -> None:
    assert flow.response
    flow.response.headers["x-is-fast"] = str("trigger_event" in vars(ctx.master.addons))
    handler = ctx.master.addons.get("proxyserver").connections[flow.client_conn.id]
    flow.response.headers["x-layer"] = type(handler.layer).__name__
