"""An independent reading of the trading rules, used only to check the engine against."""
