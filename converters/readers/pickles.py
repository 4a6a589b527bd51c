"""A pickle interpreter that cannot run code.

Python's own unpickler looks up and calls whatever the stream names, recurses while it
hashes, and allocates what the stream declares. This one knows only a table of inert
`Symbol`s, counts its steps, and hands out large byte strings as views of the file.
It reads the binary opcodes of protocols 2 to 5 and the textual ones among them.
"""

import struct
from collections.abc import Callable
from typing import Any

from converters import conversion_errors
from converters.readers import budget as budgets
from converters.readers import records
from jax_encoder.nn.checks import describe, failure

_VIEW_FROM = 1024  # byte strings from this length on stay views of the file
_MAX_TEXT = 16 << 20
_MAX_LINE = 512
_MAX_KEY = 4096
MAX_ARGUMENTS = 32
_KEY_TYPES = (str, bytes, int, float, bool, type(None))
_MARK = object()

Persistent = Callable[[object], object]


class Symbol:
    """A global that the stream may name: an inert function of its arguments.

    Attributes:
      name: module and name.
      call: makes the inert object from the interpreter and the arguments; None for
        a mere value.
    """

    def __init__(self, name: str, call: Callable[..., object] | None = None):
        self.name = name
        self.call = call

    def __repr__(self) -> str:
        return f"<{self.name:s}>"


class Pending:
    """An object whose content a later BUILD opcode gives."""

    value: object = None

    def build(self, unpickler: "Unpickler", state: object) -> object:
        """Returns the finished object."""
        raise NotImplementedError


class Unpickler:
    """Interprets one pickle inside a buffer.

    Attributes:
      position: the offset behind the last byte read.
      budget: what is left to spend.
    """

    def __init__(
        self,
        data: memoryview,
        *,
        symbols: Callable[[str, str], object],
        budget: budgets.Budget,
        persistent: Persistent | None = None,
        position: int = 0,
    ):
        self._data = data
        self._symbols = symbols
        self._persistent = persistent
        self.budget = budget
        self.position = position
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}

    def load(self) -> Any:
        """Interprets up to the STOP opcode.

        Returns:
          Plain values, `Record`s and arrays.

        Raises:
          ConversionError: damaged, too costly, or naming an unknown global.
        """
        handlers, data = _HANDLERS, self._data
        while True:
            start = self.position
            self.budget.step()
            try:
                opcode = data[start]
                self.position = start + 1
                if opcode == 0x2E:  # STOP
                    return self._pop()
                handlers[opcode](self)
            except conversion_errors.ConversionError:
                raise
            except (IndexError, struct.error):
                raise conversion_errors.ConversionError(
                    f"the pickle is damaged or cut short at byte {start:d}"
                ) from None
            except KeyError:
                code = f"{data[start]:#04x}"
                raise conversion_errors.ConversionError(
                    f"the pickle is damaged: opcode {code:s} at byte {start:d}"
                ) from None
            except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
                raise conversion_errors.ConversionError(
                    f"the pickle is damaged at byte {start:d} ({failure(error)})"
                ) from None

    # Reading.

    def _take(self, count: int) -> memoryview:
        end = self.position + count
        if count < 0 or end > len(self._data):
            raise conversion_errors.ConversionError(
                f"the pickle ends within {describe(count)} bytes declared at"
                f" {self.position:d}"
            )
        piece = self._data[self.position : end]
        self.position = end
        return piece

    def _integer(self, layout: str) -> int:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _line(self) -> bytes:
        window = bytes(self._data[self.position : self.position + _MAX_LINE])
        length = window.find(b"\n")
        if length < 0:
            raise ValueError("a name without an end")
        self.position += length + 1
        return window[:length]

    def _text(self, size: int, encoding: str) -> None:
        if size > _MAX_TEXT:
            raise ValueError(f"a text of {describe(size)} bytes")
        self._stack.append(self.budget.decode(self._take(size), encoding))

    def _bytes(self, size: int) -> None:
        piece = self._take(size)
        if size < _VIEW_FROM:
            self._stack.append(bytes(piece))
        else:
            self._stack.append(piece)

    def _long(self, size: int) -> None:
        if not 0 <= size <= 1024:
            raise ValueError(f"an integer of {describe(size)} bytes")
        self._stack.append(int.from_bytes(self._take(size), "little", signed=True))

    # The stack and the memo.

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _pop(self) -> object:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value must stand")
        return value

    def _top(self) -> object:
        value = self._stack[-1]
        if value is _MARK:
            raise ValueError("a mark where a value must stand")
        return value

    def _pop_mark(self) -> list[object]:
        stack = self._stack
        index = len(stack) - 1
        while stack[index] is not _MARK:
            index -= 1
            if index < 0:
                raise IndexError
        items = stack[index + 1 :]
        del stack[index:]
        self.budget.step(len(items) // 16)
        return items

    def _put(self, index: int) -> None:
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise ValueError(f"nothing is stored as number {index:d}")
        value = self._memo[index]
        if isinstance(value, Pending) and value.value is not None:
            value = value.value
        self._stack.append(value)

    def _collect(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append((*items[::-1],))

    # Containers.

    def _set_items(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError(f"items for {describe(target)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check_key(key, self.budget)] = value

    def _append(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise TypeError(f"elements for {describe(target)}")
        target.extend(items)

    def _add(self, items: list[object]) -> None:
        target = self._top()
        if not isinstance(target, set):
            raise TypeError(f"members for {describe(target)}")
        target.update(check_key(item, self.budget) for item in items)

    # Globals and objects.

    def _global(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("the name of a global is no text")
        self._stack.append(self._symbols(module, name))

    def _call(self, symbol: object, args: object) -> None:
        if not isinstance(symbol, Symbol) or symbol.call is None:
            raise TypeError(f"a call of {_brief(symbol)}")
        if not isinstance(args, tuple) or len(args) > MAX_ARGUMENTS:
            raise TypeError(f"arguments of {_brief(symbol)} that are {describe(args)}")
        # Hostile arguments fail in any way.
        with conversion_errors.guard(doing=f"unusable arguments for {_brief(symbol)}"):
            self._stack.append(symbol.call(self, *args))

    def _build(self) -> None:
        state = self._pop()
        target = self._top()
        if isinstance(target, Pending):
            target.value = target.build(self, state)
            self._stack[-1] = target.value
        elif isinstance(target, records.Record):
            target.state = state
        elif not isinstance(target, dict):  # a dict's own attributes: `_metadata`
            raise TypeError(f"a state for {_brief(target)}")

    def _load_persistent(self, identifier: object) -> None:
        if self._persistent is None:
            raise ValueError("a reference to an object outside of the pickle")
        self._stack.append(self._persistent(identifier))


def check_key(key: object, budget: budgets.Budget) -> object:
    """Refuses keys whose hash or comparison could take long or run code.

    Args:
      key: a foreign value.
      budget: charged with the comparison of long texts.

    Returns:
      The key.

    Raises:
      TypeError: `key` is no scalar, or an integer beyond 64 bits. (Large integers and
        tuples can be made to collide, which takes time that grows with the square.)
    """
    if not isinstance(key, _KEY_TYPES):
        raise TypeError(f"a key that is {describe(key)}")
    if isinstance(key, int) and not -(1 << 63) <= key < 1 << 63:
        raise TypeError("a key that is a very large integer")
    if isinstance(key, str | bytes):
        if len(key) > _MAX_KEY:
            raise TypeError(f"a key of {len(key)} characters")
        budget.step(len(key) // 256)
    return key


def _brief(value: object) -> str:
    return value.name if isinstance(value, Symbol) else describe(value)


def _frame(u: Unpickler) -> None:
    u._integer("<Q")


def _proto(u: Unpickler) -> None:
    version = u._take(1)[0]
    if version > 5:
        raise ValueError(f"pickle protocol {version:d}; 2 to 5 are known")


def _stack_global(u: Unpickler) -> None:
    name, module = u._pop(), u._pop()
    u._global(module, name)


def _global_line(u: Unpickler) -> None:
    module, name = u._line().decode(), u._line().decode()
    u._global(module, name)


def _reduce(u: Unpickler) -> None:
    args, symbol = u._pop(), u._pop()
    u._call(symbol, args)


def _newobj_ex(u: Unpickler) -> None:
    kwargs, args, symbol = u._pop(), u._pop(), u._pop()
    if kwargs:
        raise TypeError("keyword arguments for a class")
    u._call(symbol, args)


def _setitem(u: Unpickler) -> None:
    value, key = u._pop(), u._pop()
    u._set_items([key, value])


def _append_one(u: Unpickler) -> None:
    value = u._pop()
    u._append([value])


def _dict_from_mark(u: Unpickler) -> None:
    items = u._pop_mark()
    u._push({})
    u._set_items(items)


def _frozenset_from_mark(u: Unpickler) -> None:
    u._push(frozenset(check_key(item, u.budget) for item in u._pop_mark()))


def _bytearray(u: Unpickler) -> None:
    u._bytes(u._integer("<Q"))


def _drop(u: Unpickler) -> None:
    del u._stack[-1]


_HANDLERS: dict[int, Callable[[Unpickler], object]] = {
    ord("("): lambda u: u._push(_MARK),
    ord("0"): _drop,
    ord("1"): lambda u: u._pop_mark(),
    ord("2"): lambda u: u._push(u._top()),
    0x80: _proto,
    0x95: _frame,
    # Scalars.
    ord("N"): lambda u: u._push(None),
    0x88: lambda u: u._push(True),
    0x89: lambda u: u._push(False),
    ord("J"): lambda u: u._push(u._integer("<i")),
    ord("K"): lambda u: u._push(u._integer("<B")),
    ord("M"): lambda u: u._push(u._integer("<H")),
    ord("G"): lambda u: u._push(struct.unpack(">d", u._take(8))[0]),
    0x8A: lambda u: u._long(u._integer("<B")),
    0x8B: lambda u: u._long(u._integer("<i")),
    # Texts and bytes. Python 2 wrote both as STRING: one character per byte.
    ord("X"): lambda u: u._text(u._integer("<I"), "utf-8"),
    0x8C: lambda u: u._text(u._integer("<B"), "utf-8"),
    0x8D: lambda u: u._text(u._integer("<Q"), "utf-8"),
    ord("T"): lambda u: u._text(u._integer("<i"), "latin-1"),
    ord("U"): lambda u: u._text(u._integer("<B"), "latin-1"),
    ord("B"): lambda u: u._bytes(u._integer("<I")),
    ord("C"): lambda u: u._bytes(u._integer("<B")),
    0x8E: lambda u: u._bytes(u._integer("<Q")),
    0x96: _bytearray,
    # Containers.
    ord(")"): lambda u: u._push(()),
    0x85: lambda u: u._collect(1),
    0x86: lambda u: u._collect(2),
    0x87: lambda u: u._collect(3),
    ord("t"): lambda u: u._push((*u._pop_mark(),)),
    ord("]"): lambda u: u._push([]),
    ord("l"): lambda u: u._push(u._pop_mark()),
    ord("a"): _append_one,
    ord("e"): lambda u: u._append(u._pop_mark()),
    ord("}"): lambda u: u._push({}),
    ord("d"): _dict_from_mark,
    ord("s"): _setitem,
    ord("u"): lambda u: u._set_items(u._pop_mark()),
    0x8F: lambda u: u._push(set()),
    0x90: lambda u: u._add(u._pop_mark()),
    0x91: _frozenset_from_mark,
    # The memo.
    ord("q"): lambda u: u._put(u._integer("<B")),
    ord("r"): lambda u: u._put(u._integer("<I")),
    0x94: lambda u: u._put(len(u._memo)),
    ord("h"): lambda u: u._get(u._integer("<B")),
    ord("j"): lambda u: u._get(u._integer("<I")),
    # Globals and objects.
    ord("c"): _global_line,
    0x93: _stack_global,
    ord("R"): _reduce,
    0x81: _reduce,  # NEWOBJ: a class and its arguments
    0x92: _newobj_ex,
    ord("b"): lambda u: u._build(),
    ord("Q"): lambda u: u._load_persistent(u._pop()),
}
