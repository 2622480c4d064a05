"""Django's record of our migrations."""
