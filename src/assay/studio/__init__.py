"""Strategy Studio: the web pages on the API's app; they show and start what the API and the command line do."""
