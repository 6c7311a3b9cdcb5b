"""Requests made from the OpenAPI document by Schemathesis: no 5xx, and no answer that the document does not declare.

    python -m studies.api_fuzz [--requests 5000] [--seed 1] [--markdown docs/api.md]

Every route is asked in three ways: as its schema says, against it, and as it says about markets and configurations that
are there. The answers are counted by route and status.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, Table, markdown, placed, say
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from schemathesis import APIOperation, Case

TOKEN = "a token of the study"  # noqa: S105  (it opens nothing)
PLACE = "requests"
"""The mark of its table in docs/api.md."""

KNOWN: dict[str, Any] = {
    "exchange": "binance",
    "symbol": "BTC/USDT",
    "timeframe": "5m",
    "from": "2024-01-03",
    "to": "2024-01-08",
    "strategy": "LIQUIDITY_SWEEP",
    "set": ["pierce_depth=0.002"],
    "side": "long",
    "fee": "10bps",
    "slippage": "0.0005",
    "sizing": "risk",
}
"""Queries about what is there."""

LEFT_OUT = ("days", "cursor")
"""What does not go together with these."""

HOST = "testserver"
"""As Schemathesis calls a server that is asked inside its process."""

READY = "/api/ready"
"""It answers 503 where no worker is there, which is what it is for."""

STREAM = "text/event-stream"
"""What never ends is asked elsewhere."""


@dataclass
class Asked:
    """What was asked and answered.

    Attributes
    ----------
    requests : int
    answers : Counter
        Of (method, path, status).
    faults : list of str
        Answers that are not declared, and server errors; empty where all is well.
    """

    requests: int = 0
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@contextmanager
def server(path: Path, *, trained: bool = True) -> Iterator[FastAPI]:
    """Give an app over a database of samples, with a training of its own or with stored documents alone."""
    from api.api_samples import filled  # noqa: PLC0415  (of the tests' folder)
    from assay.api.app import create_app  # noqa: PLC0415  (not before somebody asks)
    from assay.api.settings import Settings  # noqa: PLC0415
    from assay.service.accounts import PasswordCost  # noqa: PLC0415

    database, _ = filled(path, trained=trained)
    limits: dict[str, Any] = {
        "upload_limit": 100_000,
        "requests_per_minute": 10**6,
        "password_cost": PasswordCost(passes=1, memory_kib=8, lanes=1),
    }
    yield create_app(database, Settings(token=TOKEN, hosts=(HOST,), offline=True, **limits))
    database.close()


def asked(
    app: FastAPI,
    *,
    seed: int,
    per_operation: int,
    only: str | None = None,
    found: Asked | None = None,
    briefly: bool = False,
) -> Asked:
    """Ask every route, and judge every answer.

    Parameters
    ----------
    per_operation : int
        Requests of each way to each route.
    only : str, optional
        One path.
    found : Asked, optional
        What was asked before, to which it is added.
    briefly : bool
        Ask what the schema allows only about what is there, where a route is about something.
    """
    import schemathesis  # noqa: PLC0415  (half a second)
    from schemathesis.generation import GenerationMode  # noqa: PLC0415

    found = Asked() if found is None else found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library's own making
        schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers={"Authorization": f"Bearer {TOKEN}"})
        for result in schema.get_all_operations():
            operation: APIOperation[Any, Any, Any, Any] = result.ok()  # type: ignore[union-attr]  # ours has no faults
            if (only is not None and operation.path != only) or STREAM in str(operation.definition.raw):
                continue
            names = {p.name for p in operation.query}
            query = {name: value for name, value in KNOWN.items() if name in names}
            places = _places(operation.path)
            if not (briefly and (query or places)):
                _ask(found, operation.as_strategy(GenerationMode.POSITIVE), seed, per_operation)
            _ask(found, operation.as_strategy(GenerationMode.NEGATIVE), seed, per_operation)
            if query or places:
                known = operation.as_strategy(
                    GenerationMode.POSITIVE, path_parameters=places or None, query=query or None
                ).map(_coherent)
                _ask(found, known, seed, per_operation)
    return found


def _coherent(case: Case[Any]) -> Case[Any]:
    """Leave out what does not go together with what is known."""
    case.query = {name: value for name, value in (case.query or {}).items() if name not in LEFT_OUT}
    return case


def _places(path: str) -> dict[str, str]:
    """Return values of a path's parameters that are there."""
    from api.api_samples import IDS  # noqa: PLC0415  (of the tests' folder)

    known = {"config_id": IDS[1], "name": "LIQUIDITY_SWEEP"}
    return {name: value for name, value in known.items() if f"{{{name}}}" in path}


def _ask(found: Asked, cases: Any, number: int, times: int) -> None:
    """Send requests, and keep what is wrong with their answers."""
    from schemathesis import checks  # noqa: PLC0415  (half a second)
    from schemathesis.core.failures import FailureGroup  # noqa: PLC0415
    from schemathesis.specs.openapi.checks import (  # noqa: PLC0415
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    judges = [
        checks.not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]

    @seed(number)
    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def judge(case: Case[Any]) -> None:
        found.requests += 1
        try:
            answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        except Exception as error:  # noqa: BLE001  (whatever a route lets through is a server error)
            found.answers[case.method, case.operation.path, 500] += 1
            found.faults.append(f"{case.method} {case.operation.path} 500: {error!r}\n{case.as_curl_command()}")
            return
        found.answers[case.method, case.operation.path, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=judges[case.operation.path == READY :])
        except FailureGroup as group:
            for failure in group.exceptions:
                where = f"{case.method} {case.operation.path} {answer.status_code}"
                found.faults.append(f"{where}: {failure}\n{case.as_curl_command()}")

    with suppress(Unsatisfiable):  # nothing can be asked against the schema of a route that takes nothing
        judge()


def table(found: Asked, number: int) -> str:
    """Return the counts by route and status."""
    statuses = sorted({status for *_, status in found.answers})
    routes = sorted({(path, method) for method, path, _ in found.answers})
    rows: list[Row] = [
        {"route": f"`{method} {path}`"} | {str(status): found.answers[method, path, status] for status in statuses}
        for path, method in routes
    ]
    title = f"{found.requests:,} requests (seed {number}), {len(found.faults)} undeclared answers or server errors"
    return markdown(Table(title, rows)) + "\n"


def main(given: list[str] | None = None) -> int:
    """Ask, count, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "api.db") as app:
        ways, turn, found = 3 * sum(len(methods) for methods in app.openapi()["paths"].values()), 0, Asked()
        while found.requests < options.requests:  # a route that takes little is asked less often
            left = options.requests - found.requests
            asked(app, seed=options.seed + turn, per_operation=math.ceil(left / ways), found=found)
            turn += 1
    for fault in dict.fromkeys(found.faults):
        say(fault)
    text = table(found, options.seed)
    say(text)
    if options.markdown:
        options.markdown.write_text(placed(options.markdown.read_text(), text, PLACE))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
