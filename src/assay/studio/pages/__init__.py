"""The pages, a module each; importing one registers its page."""
