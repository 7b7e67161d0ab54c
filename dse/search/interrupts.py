"""`Interrupts`: Ctrl-C that is neither lost nor comes at a bad moment.

Python raises `KeyboardInterrupt` wherever it is. Inside a weak reference's callback or a finaliser, of which SQLAlchemy has many,
it is printed and forgotten; inside a transaction it leaves a lock behind. So while a search runs, what the storage of a study is
asked is shielded, and whether Ctrl-C came is looked up after every step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True, kw_only=True)
class Interrupts:
    """How often Ctrl-C came since `watched` began. Only Python's own handler is replaced, and only in the main thread."""

    n: int = 0
    _shields: int = 0

    @contextmanager
    def watched(self) -> Generator[None]:
        """Within, Ctrl-C is counted; it still raises at once where nothing is shielded."""
        ours = threading.current_thread() is threading.main_thread() and (
            signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if ours:
            signal.signal(signal.SIGINT, self._came)
        try:
            yield
        finally:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def shielded(self) -> Generator[None]:
        """Within, Ctrl-C waits for the end of the block; a second one does not."""
        before = self.n
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.n > before:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if Ctrl-C came, whoever forgot it."""
        if self.n:
            raise KeyboardInterrupt

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        self.n += 1
        if not self._shields or self.n > 1:
            raise KeyboardInterrupt
