"""Asking an exchange again: what is worth a retry, how long to wait, and the one sentence when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from assay.errors import AnswerError, ExchangeError, InputError, RefusedError
from assay.lazy import lazy
from assay.sources.exchanges.paging_rules import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Callable

    import ccxt

    from assay.sources.exchanges import transport
else:  # 0.3 s, needed once an exchange is open
    ccxt, transport = lazy("ccxt"), lazy("assay.sources.exchanges.transport")

T = TypeVar("T")

_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError)
"""What ccxt raises on an answer that is not of the exchange's form."""

_RETRIED_4XX = {408, 418, 425, 429}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long an exchange is asked again; the waits double and are the same every time.

    Attributes
    ----------
    tries : int
        Requests for one answer, the first included.
    first_wait_s, longest_wait_s : float
        The wait after the first failure, and the longest of all. A ``Retry-After`` of the exchange may be longer.
    total_s : float
        Time after which one answer is given up.
    """

    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    total_s: float = 300.0

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise InputError("tries", "must be at least 1", self.tries)
        for name in ("first_wait_s", "longest_wait_s", "total_s"):
            if not getattr(self, name) >= 0:
                raise InputError(name, "must not be negative", getattr(self, name))

    def wait_s(self, failures: int) -> float:
        """Return the wait after a number of failures in a row."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1))


def retry(
    call: Callable[[], T],
    exchange: str,
    patience: RetryPolicy,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> T:
    """Return what `call` returns, asking again when that may help.

    Parameters
    ----------
    call : callable
        One request through ccxt.
    exchange : str
        Its name, for the error.
    patience : Patience
    clock, sleep : callable
        Seconds since 1970, and waiting for seconds.

    Raises
    ------
    RefusedError
        At once, where asking again cannot mend it.
    AnswerError
        At once, when an answer is too long, too slow, or sends to another host.
    ExchangeError
        When patience is at its end.
    """
    started = clock()
    for failures in range(1, patience.tries + 1):
        try:
            return call()
        except (ccxt.BaseError, *_UNREADABLE) as error:
            if (bound := _bound_of(error)) is not None:
                raise AnswerError(exchange, str(bound), "Try again later, or another exchange") from error
            response = _response_of(error)
            status = getattr(response, "status_code", None)
            if not _is_passing(error, status, ccxt):
                raise _refusal(exchange, error, status, ccxt) from error
            reason = _reason(error, status, ccxt)
            pause = _retry_after_s(response, clock())
            wait = max(patience.wait_s(failures), pause)
            over = clock() + wait - started > patience.total_s
            if failures == patience.tries or over:
                times = "once" if failures == 1 else f"{failures} times"
                hint = f"Try again in {pause:.0f} s, as it asks" if pause else "Try again later"
                raise ExchangeError(exchange, f"{reason}, asked {times}", hint, tries=failures) from error
            sleep(wait)
    raise AssertionError


def _response_of(error: BaseException | None) -> Any:
    """Return the HTTP response that led to an error; ccxt keeps it only in the chain of errors."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return response
        error = error.__cause__ or error.__context__
    return None


def _bound_of(error: BaseException | None) -> Exception | None:
    """Return the bound of an answer that was broken, which ccxt keeps only in the chain of errors."""
    while error is not None:
        if isinstance(error, transport.UnboundedError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _is_passing(error: Exception, status: int | None, ccxt: Any) -> bool:
    if status is not None and 400 <= status < 500 and status not in _RETRIED_4XX:
        # ccxt takes 400, 403, 404 and 451 for an exchange that is not available just now.
        return isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection))
    if status is not None and status >= 400:
        return True
    return isinstance(error, (ccxt.OperationFailed, *_UNREADABLE))


def _reason(error: Exception, status: int | None, ccxt: Any) -> str:
    if status in {418, 429} or isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)):
        return "is asked more often than it allows"
    if status is not None:
        return f"answers with the server error {status}"
    if isinstance(error, ccxt.RequestTimeout):
        return "does not answer in time"
    if isinstance(error, (ccxt.BadResponse, *_UNREADABLE)):
        return "answers with something that is not its protocol"
    if isinstance(error, ccxt.ExchangeNotAvailable):
        return "says that it is not available"
    return "the connection fails or breaks off"


def _refusal(exchange: str, error: Exception, status: int | None, ccxt: Any) -> RefusedError:
    elsewhere = ELSEWHERE.get(exchange, "another exchange")
    if status in {403, 451} or isinstance(error, ccxt.RestrictedLocation):
        code = f" (HTTP {status})" if status else ""
        return RefusedError(exchange, f"refuses this country or network{code}", f"Use {elsewhere}")
    if isinstance(error, ccxt.AuthenticationError):
        rule = f"asks for a key, which its candles should not need ({_said(error, exchange)})"
        return RefusedError(exchange, rule, f"Use {elsewhere}")
    if isinstance(error, ccxt.BadSymbol):
        return RefusedError(exchange, f"does not serve this symbol ({_said(error, exchange)})", "Choose another symbol")
    if isinstance(error, ccxt.NotSupported):
        return RefusedError(exchange, f"does not offer this ({_said(error, exchange)})", f"Use {elsewhere}")
    code = f" with HTTP {status}" if status else ""
    return RefusedError(exchange, f"refuses the request{code} ({_said(error, exchange)})")


def _said(error: Exception, exchange: str) -> str:
    """Return the exchange's own words, in one short line."""
    return " ".join(str(error).removeprefix(exchange).split())[:160].strip() or type(error).__name__


def _retry_after_s(response: Any, now_s: float) -> float:
    """Return the seconds of a ``Retry-After`` header, which may be a number or a date; 0 without one."""
    said = "" if response is None else response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now_s)
    except ValueError:
        return 0.0
