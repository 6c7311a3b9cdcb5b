"""Parts of the page of strategies."""
