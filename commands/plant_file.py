"""Commands on the plant file and what it describes: check it, put it in force, try a source."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from datetime import UTC, datetime

from commands.mistake import Mistake
from commands.surroundings import opened, read_plant


def check(options: Namespace) -> None:
    """Say everything that is wrong with a plant file."""
    from plant.check import PlantFaults, language_of, read

    text = read_plant(options.file)
    is_chinese = (options.language or language_of(text) or _language()) == "zh"
    try:
        plant = read(text)
    except PlantFaults as faults:
        raise Mistake(faults.in_chinese() if is_chinese else str(faults)) from None
    sentence = IN_ORDER["zh" if is_chinese else "en"]
    counts = (plant.lines, plant.machines, plant.all_tags(), plant.sources, plant.alerts)
    print(sentence.format(options.file, *map(len, counts)))


IN_ORDER = {
    "en": "{} is in order: {} lines, {} machines, {} tags, {} sources, {} rules",
    "zh": "{} 没有错误：{} 条产线，{} 台设备，{} 个点位，{} 个数据源，{} 条报警规则",
}


def _language() -> str:
    """The environment's, as other programs take it."""
    said = next((v for n in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(n))), "")
    return "zh" if said.startswith("zh") else "en"


def migrate(options: Namespace) -> None:
    """Bring the database up to date, and put the plant file in force."""
    from db import master
    from db.address import database_url
    from db.migrate import migrate
    from plant.check import read

    text = read_plant(options.plant)
    plant = read(text)
    for name in migrate(database_url()):
        print(f"migration {name} done")
    with opened("migrate") as database:
        is_new = master.apply_or_keep(database, plant, text, datetime.now(UTC))
    print(f"{options.plant} {'applied' if is_new else 'is in force already'}")


def try_source(options: Namespace) -> None:
    """Listen to one source, and show what comes."""
    from ingest import trial
    from plant.check import read

    logging.getLogger("ingest").setLevel(logging.ERROR)  # the report says it
    for line in trial.tried(read(read_plant(options.plant)), options.name, options.seconds):
        print(line)
