from tests.unit.builders.kit import trial

__all__ = ["trial"]
