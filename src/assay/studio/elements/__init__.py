"""Elements of pages that NiceGUI does not bring."""
