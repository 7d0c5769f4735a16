"""The rows of the tables as PynamoDB models, by what they are of; each store imports its own."""
