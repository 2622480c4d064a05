"""A Django app: ``manage.py migrate`` makes our tables, and the admin shows what they hold.

Add ``"memori_storage.django"`` to ``INSTALLED_APPS``, and give ``django:default``, or another
alias, as the database.
"""
