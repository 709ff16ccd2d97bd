from tests.e2e.absent.conftest import new_client, provider, proxy

__all__ = ["new_client", "provider", "proxy"]
