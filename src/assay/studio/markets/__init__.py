"""Parts of the page of markets and their bars."""
