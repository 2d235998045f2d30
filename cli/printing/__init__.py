"""What commands print: tables and short lines for people, JSON for programs."""
