"""Text formats: rows found in blocks of bytes."""
