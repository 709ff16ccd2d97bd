"""Count the bytes that are held in memory, so that all together have a limit."""


class HeldBytes:
    """Bytes by key, such as a request's id, of an owner, such as a connection: at its end all of its are given back."""

    def __init__(self) -> None:
        self.total = 0
        self._owners: dict[str, dict[str, int]] = {}

    def hold(self, owner: str, key: str, size: int, limit: int) -> bool:
        """Note that `size` bytes are held under the key, or return False where all would then be over the limit."""
        sizes = self._owners.get(owner)
        total = self.total + size - (sizes.get(key, 0) if sizes else 0)
        if total > limit:
            return False
        if sizes is None:
            sizes = self._owners[owner] = {}
        sizes[key] = size
        self.total = total
        return True

    def release(self, owner: str, key: str) -> None:
        """Give back what is held under the key, if anything is."""
        if sizes := self._owners.get(owner):
            self.total -= sizes.pop(key, 0)
            if not sizes:
                del self._owners[owner]

    def has(self, owner: str) -> bool:
        return owner in self._owners

    def release_all(self, owner: str) -> None:
        if sizes := self._owners.pop(owner, None):
            self.total -= sum(sizes.values())
