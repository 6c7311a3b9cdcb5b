"""Studies too slow for the tests: each is resumed where it was interrupted and fills a page of docs/."""
