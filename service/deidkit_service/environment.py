"""Environment variables in place of the options ``--home`` and ``--db``."""

HOME_VARIABLE = "DEIDKIT_SERVICE_HOME"
DB_VARIABLE = "DEIDKIT_SERVICE_DB"
