"""Which designs are best. The package is also the function: ``dse.search(workload, space)`` is `dse.search.study.search`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dse.search.front import Front


class _Search(ModuleType):
    """Importing any of its modules binds the package as ``dse.search``, which the library's face promises to be callable."""

    def __call__(self, *arguments: Any, **options: Any) -> Front:  # noqa: ANN401 - those of `study.search`
        from dse.search.study import search

        return search(*arguments, **options)


sys.modules[__name__].__class__ = _Search
