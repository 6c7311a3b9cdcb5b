"""Every error a user can meet; each keeps its facts as fields.

::

    AssayError                      something the user can act on
    |-- InputError                  wrong input or usage               (exit 2)
    |   |-- BarsError               a row of market data breaks a rule
    |   |-- ParameterError          a parameter is unknown or out of bounds
    |   |-- FileFormatError         a file cannot be understood
    |   |-- StrategyError           a strategy breaks its contract
    |   `-- InsufficientDataError   too little history for what was asked
    |-- GateError                   refused by a gate                  (exit 3)
    |   |-- QualityError            the bars are too bad to train on
    |   |-- LeakError               a strategy knows what it cannot know
    |   `-- ChangedError            what is stored was changed afterwards
    |-- ExchangeError               an exchange gave no answer         (exit 1)
    |   |-- AnswerError             its answer cannot be right
    |   |-- OfflineError            it cannot be reached at all
    |   `-- RefusedError            it refuses, and asking again cannot mend that
    `-- StoreError                  the database cannot be used        (exit 1)
        `-- UnstorableError         it refuses what is to be written, now and again

A bug is not in this tree: it stays an ordinary exception.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_SHOWN = 400
"""Characters of a name or value that a sentence shows; of longer ones it shows the beginning and says how long."""

_DIGITS = 4_000
"""Python refuses to write whole numbers of more digits (4,300)."""


def shortened(text: str) -> str:
    """Return a text that fits into a sentence: the beginning of a long one, and its length."""
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 4]}... ({len(text):,} characters)"


def shown(value: object) -> str:
    """Return a value as a sentence shows it."""
    if isinstance(value, int) and value.bit_length() > _DIGITS * 3:
        return f"a number of {value.bit_length():,} bits"
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # a list of such numbers; a list in a list in a list
        return f"a {type(value).__name__} that is too large to show"


def _sentence(field: str, rule: str, value: object, hint: str) -> str:
    got = "" if value is None else f", got {shown(value)}"
    return f"{shortened(field)}: {rule}{got}" + (f". {hint}" if hint else "")


class AssayError(Exception):
    """Base of all errors that a user can act on."""

    exit_code = 1


class InputError(AssayError):
    """Wrong input or usage: names the field, the rule and the value.

    Attributes
    ----------
    field : str
        What was wrong ("--days", "pierce_depth", "row 17 close").
    rule : str
        What is asked of it.
    value : object
        What was given.
    """

    exit_code = 2

    def __init__(self, field: str, rule: str, value: object = None, hint: str = "") -> None:
        self.field, self.rule, self.value, self.hint = field, rule, value, hint
        super().__init__(_sentence(field, rule, value, hint))


class NotFoundError(InputError):
    """There is nothing of the name or id that was given."""


class ConflictError(InputError):
    """What is asked does not go together with what is there: a name that is taken, a job that is over."""


class BarsError(InputError):
    """A row of market data breaks a rule; `row` counts data rows from 0."""

    def __init__(self, row: int, column: str, rule: str, value: object, hint: str = "") -> None:
        self.row, self.column = row, column
        super().__init__(f"row {row} {column}", rule, value, hint)


class ParameterError(InputError):
    """A parameter is unknown or outside its bounds."""


class FileFormatError(InputError):
    """A file cannot be read as market data, a space or a configuration."""


class StrategyError(InputError):
    """A strategy's class or its setups break the contract of `Strategy`."""


class InsufficientDataError(InputError):
    """There is too little history for what was asked."""


class GateError(AssayError):
    """Refused on purpose by a gate; the message says how to pass it."""

    exit_code = 3


class QualityError(GateError):
    """The bars are too bad to train on.

    Attributes
    ----------
    valid_pct : float
        Valid bars in percent of those that the calendar expects.
    required_pct : float
        The gate's threshold in percent.
    """

    def __init__(self, valid_pct: float, required_pct: float, market: str) -> None:
        self.valid_pct, self.required_pct, self.market = valid_pct, required_pct, market
        super().__init__(
            f"{market}: {valid_pct:.1f} % of the expected bars are valid, training needs "
            f"{required_pct:.0f} %. See `assay quality`; choose a more liquid market or a higher "
            "timeframe, or pass --allow-bad-data (recorded, and never promoted)."
        )


class LeakError(GateError):
    """A strategy knows what it cannot know, or says something else when asked again.

    Attributes
    ----------
    strategy, what, why : str
        Which one, what of it (a feature, a level, the signal itself, a trade), and what is wrong with that.
    moment : str
        Open of the signal bar, UTC; empty where it is about no single bar.
    expected, found : float
        The value as it has to be (for truncation: with the bars up to the signal alone), and as it is; NaN where
        there is none.
    """

    def __init__(
        self, strategy: str, what: str, moment: str, why: str, expected: float, found: float, way_out: str
    ) -> None:
        self.strategy, self.what, self.moment, self.why = strategy, what, moment, why
        self.expected, self.found, self.way_out = expected, found, way_out
        at = f" at {moment}" if moment else ""
        known = expected == expected or found == found
        values = f" ({expected:.6g} expected, {found:.6g} found)" if known else ""
        super().__init__(f"{strategy}: {what}{at} {why}{values}: a backtest of it is worth nothing. {way_out}")


class ChangedError(GateError):
    """A stored configuration was changed by other means than this program.

    Attributes
    ----------
    config_id : str
    change : str
        What was changed, in words.
    """

    def __init__(self, config_id: str, change: str) -> None:
        self.config_id, self.change = config_id, change
        super().__init__(
            f"configuration {config_id} was changed after it was stored: {change}. Train again, or restore a backup"
        )


class StoreError(AssayError):
    """The database cannot be reached, read or written; names it, the rule and the way out."""

    def __init__(self, field: str, rule: str, value: object = None, hint: str = "") -> None:
        self.field, self.rule, self.value, self.hint = field, rule, value, hint
        super().__init__(f"database {_sentence(field, rule, value, hint)}")


class UnstorableError(StoreError):
    """The database is there and refuses what is to be read or written: another try would be refused too."""


class ExchangeError(AssayError):
    """An exchange did not give what was asked of it.

    Attributes
    ----------
    exchange : str
        Which one.
    reason : str
        What it did instead.
    tries : int
        How often it was asked.
    resume_ms : int or None
        Every bar that opens before this moment was handed over (milliseconds UTC); None before the first page.
    """

    def __init__(
        self, exchange: str, reason: str, hint: str = "", *, tries: int = 1, resume_ms: int | None = None
    ) -> None:
        self.exchange, self.reason, self.hint, self.tries, self.resume_ms = exchange, reason, hint, tries, resume_ms
        super().__init__(f"{exchange}: {reason}" + (f". {hint}" if hint else ""))


class AnswerError(ExchangeError):
    """An exchange answers with something that cannot be right; nothing of that answer is believed."""


class OfflineError(ExchangeError):
    """An exchange cannot be reached at all: there may be no network."""


class RefusedError(ExchangeError):
    """An exchange refuses to answer, and asking again cannot mend that."""


def likeliest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt one most probably stands for; None where none is near.

    Case does not matter, and what a name begins with or ends in stands for it before any that merely looks alike.
    """
    names = {one.casefold(): one for one in sorted(known)}
    asked = name.strip().casefold()
    begun = [one for one in names if asked and (one.startswith(asked) or one.endswith(asked))]
    close = begun[:1] if len(begun) == 1 else get_close_matches(asked, names, n=1, cutoff=0.5)
    return names[close[0]] if close else None


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, where the command line listens for it: a plain `KeyboardInterrupt` may be raised by anybody."""


LONGEST_TEXT = 300
"""Characters of somebody else's text that are shown."""


def described(error: BaseException, longest: int = LONGEST_TEXT) -> str:
    """Return the type and the text of somebody else's error as one line that can be printed."""
    try:
        text = str(error)
    except BaseException as failed:  # noqa: BLE001  (a user's class may do anything)
        text = f"it cannot say why: {type(failed).__name__}"
    line = one_line(text, longest)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text without line breaks and escapes, cut off where it is too long."""
    line = " ".join(text[: 4 * longest].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    return shown if len(shown) <= longest else f"{shown[:longest]} ..."


def require(name: str, given: object, kind: type, hint: str = "") -> None:
    """Refuse an argument of another kind in a sentence: a class for its instance, a frame for bars, a text for a value.

    Parameters
    ----------
    name : str
        Of the argument.
    hint : str
        What makes one, where that is not the class itself.

    Raises
    ------
    InputError
    """
    if isinstance(given, kind):
        return
    if isinstance(given, type) and issubclass(given, kind):
        raise InputError(name, f"must be an instance, {given.__name__}(...), not the class {given.__name__}")
    other = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    raise InputError(name, f"must be {kind.__name__}, not {other}", hint=hint)


def near_name(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the closest known name, or all of them."""
    names = sorted(known)
    close = likeliest(name, names)
    return f"Known: {', '.join(names)}" if close is None else f"Did you mean {close!r}?"


def wrong_choice(
    field: str, value: object, choices: Iterable[str], kind: type[InputError] = InputError, besides: str = ""
) -> InputError:
    """Return the error for a value that is none of some choices: all of them once, and the likeliest.

    Parameters
    ----------
    kind : type
        Of the error.
    besides : str, optional
        What may be given besides the choices, such as "a file SPACE.toml".
    """
    names = list(choices)
    close = likeliest(value, names) if isinstance(value, str) else None
    rule = f"must be one of {', '.join(names)}{besides and f', or {besides}'}"
    return kind(field, rule, value, "" if close is None else f"Did you mean {close!r}?")
