"""The network: tensors only, no paths, no terminal."""
