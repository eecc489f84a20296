"""What a user can mend: told in its own words, without a traceback."""

from __future__ import annotations


class Mistake(Exception):
    """Something the user can mend; the message is all that is shown."""


def mistakes() -> tuple[type[Exception], ...]:
    """What is told in its own words, without a traceback."""
    from dashboards.enrol import PasswordRefused
    from db.address import NoAddress
    from db.backup import BackupFault
    from db.connect import DatabaseUnavailable
    from db.count_corrections import CorrectionRefused
    from db.embedded import EmbeddedFault
    from db.master import NoPlant
    from db.migrate import MigrationFault
    from db.secret import SecretUnreadable
    from db.site_copy import CopyFault
    from db.users import LastAdmin
    from ingest.quarantine import NothingChosen
    from ingest.simulator.faults import CannotSimulate
    from ingest.trial import NoSuchSource, NothingCame
    from plant.check import PlantFaults

    return (
        Mistake,
        BackupFault,
        CannotSimulate,
        CopyFault,
        CorrectionRefused,
        DatabaseUnavailable,
        EmbeddedFault,
        LastAdmin,
        MigrationFault,
        NoAddress,
        NoPlant,
        NoSuchSource,
        NothingCame,
        NothingChosen,
        PasswordRefused,
        PlantFaults,
        SecretUnreadable,
    )
