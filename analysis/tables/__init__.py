"""Tables: what they show, and how each format writes them."""
