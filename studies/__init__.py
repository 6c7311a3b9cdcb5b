"""Studies too slow for the tests: each is taken up where it was interrupted and fills a page of docs/."""
