"""What a model file says of itself, read where a broken file can do no harm."""

from edgeimg.model.errors import ModelError
from edgeimg.model.info import ModelInfo, OperatorUse, Quantization, TensorInfo
from edgeimg.model.read import read_model

__all__ = ["ModelError", "ModelInfo", "OperatorUse", "Quantization", "TensorInfo", "read_model"]
