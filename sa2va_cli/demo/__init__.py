"""The bundled tiny network and the little world it was trained on."""
