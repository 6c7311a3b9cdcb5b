"""What routes answer and take, as typed values with examples: OpenAPI is made of them."""
