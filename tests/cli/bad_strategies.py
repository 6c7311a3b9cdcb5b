"""Strategy files that do what they must not, each with words of the sentence that it has to be answered with."""

from __future__ import annotations

FILE = """
import ctypes, os, signal, sys, threading, time
import numpy as np
from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr
{top}

class Mine(Strategy):
    name = "MINE"
    parameters = Parameters(
        Parameter(name="strength", default=1.0, low=0.5, high=3.0, grid=(0.5, 1.0), doc="Body in ATR."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.0, 2.0), doc="Stop in ATR."),
    )
    rules = (at_least("body", "strength"),)
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)
{more}
    def setups(self, bars, side, shape):
        {first}
        unit = atr(bars)
        t = np.arange(len(bars))
        body = side * (bars.close - bars.open) / unit
        {last}
        return Setups.build(bar=t, side=np.full(len(t), side), features={{"body": body}}, stop_unit=unit)
"""


def source(top: str = "", more: str = "", first: str = "pass", last: str = "pass") -> str:
    """Return a strategy's file with something at its top, in its class, and at both ends of its `setups`."""
    return FILE.format(top=top, more=more, first=first, last=last)


def method(name: str, body: str) -> str:
    return f"    def {name}:\n        {body}\n"


def changed(old: str, new: str) -> str:
    text = source()
    assert old in text
    return text.replace(old, new)


RULES, BRACKET = '(at_least("body", "strength"),)', 'Bracket(stop="stop", target=2.0, max_bars=20)'
ODD = "class Odd(BaseException): pass\nclass Mute(Exception):\n    def __str__(self): sys.exit(0)"
WARMUP, CONSTRAINT = "warmup(self, shape)", "constraint(self, values)"

IN_SETUPS, IN_WARMUP = "(in Mine.setups)", "(in Mine.warmup)"

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "exit at the top": (source("sys.exit(0)"), "line 5: cannot be run: SystemExit: 0"),
    "exit in setups": (source(first="sys.exit(0)"), f"line 17: raised SystemExit: 0 {IN_SETUPS}"),
    "exit in warmup": (source(more=method(WARMUP, "sys.exit(0)")), f"SystemExit: 0 {IN_WARMUP}"),
    "exit in constraint": (source(more=method(CONSTRAINT, "sys.exit(3)")), "SystemExit: 3 (in Mine.constraint)"),
    "exit in init": (source(more=method("__init__(self)", "sys.exit(1)")), "SystemExit: 1 (in Mine.__init__)"),
    "raise in init": (source(more=method("__init__(self)", "1 / 0")), "ZeroDivisionError: division by zero"),
    "another instance": (source(more=method("__new__(cls)", "return 5")), "must give an instance of itself"),
    "base at the top": (source(f"{ODD}\nraise Odd('x')"), "line 8: cannot be run: Odd: x"),
    "base in setups": (source(ODD, first="raise Odd('x')"), f"raised Odd: x {IN_SETUPS}"),
    "interrupt at the top": (source("raise KeyboardInterrupt"), "cannot be run: KeyboardInterrupt"),
    "interrupt in setups": (source(first="raise KeyboardInterrupt"), f"raised KeyboardInterrupt {IN_SETUPS}"),
    "interrupt in warmup": (source(more=method(WARMUP, "raise KeyboardInterrupt")), f"KeyboardInterrupt {IN_WARMUP}"),
    "generator": (source(first="raise GeneratorExit"), f"raised GeneratorExit {IN_SETUPS}"),
    "signal": (source("signal.signal(signal.SIGINT, signal.SIG_IGN)"), "signal only works in main thread"),
    "recursion": (source(first="self.setups(bars, side, shape)"), "raised RecursionError"),
    "memory": (source(first="raise MemoryError"), f"raised MemoryError {IN_SETUPS}"),
    "too much memory": (source(first="np.zeros(10**14)"), "raised MemoryError: Unable to allocate"),
    "none": (source(last="return None"), "must return Setups (see Setups.build), got 'NoneType' (in Mine.setups)"),
    "list": (source(last="return [1]"), "line 16: MINE setups: must return Setups"),
    "frame": (source(last="import pandas as pd; return pd.DataFrame({'bar': t})"), "got 'DataFrame'"),
    "shape": (source(last="body = body[1:]"), "setups body: must have shape"),
    "two dimensions": (source(last="t = np.stack([t, t], axis=1)"), "setups bar: must have one dimension"),
    "nan bars": (source(last="t = np.full(len(t), np.nan)"), "setups bar: must be whole numbers, got [nan"),
    "half bars": (source(last="t = t + 0.5"), "setups bar: must be whole numbers, got [0.5"),
    "mask": (source(last="t = t > 5"), "whole numbers, not a mask"),
    "bars to come": (source(last="t = t + len(t)"), "the bars that were handed over"),
    "bars before": (source(last="t = t - 1"), "setups bar: must not be negative, got -1"),
    "words": (source(last="body = np.full(len(t), 'a')"), "setups body: must be numbers, got '<U1'"),
    "complex": (source(last="body = body * 1j"), "setups body: must be numbers, got 'complex128'"),
    "side": (source(last="side = 257.0"), "setups side: must be +1 or -1, got [257]"),
    "other side": (source(last="side = -side"), "must be the side asked for"),
    "unordered": (source(last="import dataclasses; x = Setups.build(bar=t, side=t*0+side, features={'body': body}); "
                              "return dataclasses.replace(x, bar=x.bar[::-1])"), "setups bar: must be in order"),
    "by hand": (source(last="return Setups(t, t, {}, t, t, t)"), "as Setups.build makes it"),
    "escapes": (source(first="raise ValueError('one\\ntwo\\x1b[31m\\x00')"), "ValueError: one two\\x1b[31m\\x00 (in"),
    "long": (source(first="raise ValueError('x' * 10**6)"), "xxx ... (in Mine.setups)"),
    "mute": (source(ODD, first="raise Mute"), "raised Mute: it cannot say why: SystemExit"),
    "no such key": (source(first="shape['none']"), f"raised KeyError: 'none' {IN_SETUPS}"),
    "arguments": (changed("setups(self, bars, side, shape)", "setups(self, bars)"), "takes 2 positional arguments"),
    "no method": (changed("    def setups", "    setups = None\n    def setup"), "setups: must be a method"),
    "number as name": (changed('"MINE"', "7"), "Mine name: must be a text, got 'int'"),
    "tuple": (changed("parameters = Parameters(", "parameters = ("), "Mine parameters: must be Parameters("),
    "default": (changed("default=1.0", "default='a'"), "declares a parameter wrongly"),
    "rules as text": (changed(RULES, '"body"'), "must be a tuple of rules"),
    "one rule": (changed(RULES, 'at_least("body", "strength")'), "must be a tuple of rules, such as (at_least(...),)"),
    "odd rule": (changed(RULES, '("body",)'), "must be at_least(...), at_most(...), equals(...) or a Vote"),
    "rules raise": (changed(f"rules = {RULES}", "rules = property(lambda self: 1 / 0)"), "ZeroDivisionError"),
    "bracket": (changed(BRACKET, "None"), "Mine bracket: must be a Bracket(...), got 'NoneType'"),
    "warmup as text": (source(more=method(WARMUP, "return 'a'")), "must return a whole number of bars from 0 on"),
    "warmup below 0": (source(more=method(WARMUP, "return -5")), "whole number of bars from 0 on, got -5"),
    "half a warmup": (source(more=method(WARMUP, "return 10.5")), f"got 10.5 {IN_WARMUP}"),
    "constraint": (source(more=method(CONSTRAINT, "return True")), "must return None, or why not as a text, got True"),
    "syntax": ("class (", "line 1: is not Python: invalid syntax"),
    "empty": ("", "The file defines no Strategy"),
    "zero bytes": ("x = 1\ny = '\0'", "line 2: is not Python: it holds a zero byte"),
    "cookie": ("# -*- coding: klingon -*-\n", "is not Python: unknown encoding: klingon"),
    "utf-16": (source().encode("utf-16"), "it holds a zero byte; save it as text in UTF-8"),
}  # fmt: skip
"""File and words; the sentence names the file too."""

ALLOWED: dict[str, str | bytes] = {
    "byte order mark": b"\xef\xbb\xbf" + source().encode(),
    "line ends": source().replace("\n", "\r\n"),
    "prints": source("print('at the top')", first="print('in setups'); sys.stderr.write('beside')"),
    "no streams": source("sys.stdout = sys.stderr = None", first="sys.stdout = sys.stderr = None"),
    "closed streams": source(first="sys.stdout.close(); sys.stderr.close(); print('closed')"),
    "bytes": source(first="sys.stdout.buffer.write(b'bytes'); sys.stdout.isatty()"),
    "folder": source("os.chdir('/')"),
    "shallow": source("sys.setrecursionlimit(100)"),
    "failing thread": source(first="t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"),
}
"""Files whose doings are put right, or kept apart: the command does its work."""

EVERYTHING = source(
    "print('top'); os.write(1, b'raw'); ctypes.CDLL(None).puts(b'from C'); os.system('echo shell')\n"
    "import atexit; atexit.register(lambda: print('bye')); atexit.register(lambda: 1 / 0)\n"
    "threading.Thread(target=time.sleep, args=(3600,), name='of mine').start()",
    first="print('setups'); sys.__stdout__.write('dunder')\n"
    "        os.write(sys.stdout.fileno(), b'number'); os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n"
    "        forever = lambda: [time.sleep(0.01) or print('x') for _ in range(10**6)]\n"
    "        threading.Thread(target=forever, daemon=True).start()\n"
    "        sys.stdout = None if side < 0 else sys.stdout",
)
"""Writes to stdout in every way, and leaves threads behind."""
ENDS = source(first="os._exit(0)")
CRASHES = source(first="ctypes.string_at(0)")
