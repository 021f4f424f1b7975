"""Where a Swift source can be changed by one token, and the switchable form of each change."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<raw>\#+")
  | (?P<text>"{3}|")
  | (?P<directive>\#\w+)
  | (?P<attribute>@\w+)
  | (?P<number>0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9_]+)?)
  | (?P<word>`\w+`|\$?\w+)
  | (?P<operator>\.{2,}[<.]?|[-+*/%<>=!&|^~?]+)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)

# The replacements of each infix operator. Both must exist for the same operand types.
COMPARABLE = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"]}
EQUATABLE = {"==": ["!="], "!=": ["=="]}
SUMS = {"+": ["-"], "-": ["+"]}
PRODUCTS = {"*": ["/"], "/": ["*"], "%": ["/"]}
WRAPPING = {"&+": ["&-"], "&-": ["&+"], "&*": ["&+"]}
BITS = {"&": ["|"], "|": ["&"], "^": ["&"]}
SHIFTS = {"<<": [">>"], ">>": ["<<"]}
ASSIGNED_SUMS = {"+=": ["-="], "-=": ["+="]}
ASSIGNED_PRODUCTS = {"*=": ["/="], "/=": ["*="]}
ASSIGNED_WRAPPING = {"&+=": ["&-="], "&-=": ["&+="], "|=": ["&="], "^=": ["&="], "&=": ["|="], "<<=": [">>="], ">>=": ["<<="]}
LOGIC = {"&&": ["||"], "||": ["&&"]}
RANGES = {"..<": ["..."], "...": ["..<"]}
INFIX = {}
for _table in (
    COMPARABLE, EQUATABLE, SUMS, PRODUCTS, WRAPPING, BITS, SHIFTS, ASSIGNED_SUMS, ASSIGNED_PRODUCTS, ASSIGNED_WRAPPING, LOGIC, RANGES
):  # fmt: skip
    INFIX.update(_table)

PRECEDENCE = [
    (COMPARABLE, "ComparisonPrecedence"), (EQUATABLE, "ComparisonPrecedence"), (SUMS, "AdditionPrecedence"),
    (PRODUCTS, "MultiplicationPrecedence"), (LOGIC, None), (RANGES, "RangeFormationPrecedence"), (SHIFTS, "BitwiseShiftPrecedence"),
]  # fmt: skip

# Not changed: assertions, whose failing side no input reaches, and reservations of memory.
CONTRACTS = {"precondition", "preconditionFailure", "assert", "assertionFailure", "fatalError", "reserveCapacity"}

CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Site:
    """One change of one token: in `source` at `start`, from `old` to `new`."""

    path: str
    start: int
    end: int
    kind: str
    old: str
    new: str
    line: int = 0
    column: int = 0
    # The complete changed text if `old` alone doesn't identify it: a whole condition.
    whole: str = ""
    number: int = 0
    edits: list = field(default_factory=list)


def string_end(source, at, hashes, quotes):
    """The end of a string literal whose text begins at `at`; what is interpolated belongs to it."""
    close = quotes + "#" * hashes
    escape = "\\" + "#" * hashes
    while at < len(source):
        if source.startswith(close, at):
            return at + len(close)
        if source.startswith(escape, at):
            at += len(escape)
            if source[at : at + 1] == "(":
                depth = 0
                while at < len(source):
                    character = source[at]
                    if character == '"':
                        at = string_end(source, at + 1, 0, '"') - 1
                    depth += {"(": 1, ")": -1}.get(character, 0)
                    at += 1
                    if depth == 0:
                        break
            else:
                at += 1
        else:
            at += 1
    return at


def tokens(source):
    """Without white space, comments, and conditions of compilation; a string is one token."""
    found = []
    at = 0
    while at < len(source):
        if source.startswith("/*", at):
            depth, at = 1, at + 2
            while depth and at < len(source):
                if source.startswith("/*", at) or source.startswith("*/", at):
                    depth += 1 if source[at] == "/" else -1
                    at += 1
                at += 1
            continue
        match = TOKEN.match(source, at)
        kind, text, end = match.lastgroup, match.group(), match.end()
        if kind == "raw":
            kind, end = "text", string_end(source, end, len(text) - 1, '"')
        elif kind == "text":
            end = string_end(source, end, 0, text)
        elif kind == "directive" and text in ("#if", "#elseif"):
            end = source.find("\n", at)
        elif kind == "attribute" and source[end : end + 1] == "(":
            end = source.index(")", end) + 1
        if kind not in ("space", "directive", "attribute"):
            found.append(Token(kind, source[at:end], at, end))
        at = end
    return found


def closing(found, index):
    """The index of the bracket that closes the one at `index`."""
    depth = 0
    for position in range(index, len(found)):
        text = found[position].text
        if found[position].kind == "mark":
            depth += (text in CLOSING) - (text in CLOSING.values())
        if depth == 0:
            return position
    return len(found) - 1


def conditions(found, index):
    """The ranges of tokens that are conditions of the `if`, `guard` or `while` at `index`, without bindings and patterns."""
    ranges = []
    start = position = index + 1
    while position < len(found):
        text, kind = found[position].text, found[position].kind
        ends = text in ("{", ",") and kind == "mark" or text == "else"
        if ends:
            if position > start and found[start].text not in ("let", "var", "case"):
                ranges.append((start, position - 1))
            if text != ",":
                break
            start = position + 1
        elif kind == "mark" and text in ("(", "["):
            position = closing(found, position)
        position += 1
    return ranges


def neighbours(source, token):
    """Whether white space (or a bracket, on the left) is before and after: what tells infix from prefix."""
    before, after = source[token.start - 1 : token.start], source[token.end : token.end + 1]
    return before.isspace() or before in "([{,:;", after.isspace()


def number_after(text):
    """The same literal plus one, in the same base; and minus one, where that is not negative."""
    base = {"0x": 16, "0b": 2, "0o": 8}.get(text[:2], 10)
    value = int(text.replace("_", ""), 0)
    write = {16: hex, 2: bin, 8: oct, 10: str}[base]
    return [write(other) for other in (value + 1, value - 1) if other >= 0]


def sites(path, source):
    """All changes that can be made; several of one token are several sites."""
    found = tokens(source)
    result = []

    def add(token, kind, old, new, whole=None, end=None):
        line = source.count("\n", 0, token.start) + 1
        column = token.start - source.rfind("\n", 0, token.start)
        result.append(Site(path, token.start, end or token.end, kind, old, new, line, column, whole or old))

    index = 0
    while index < len(found):
        token = found[index]
        previous = found[index - 1].text if index else ""
        following = found[index + 1].text if index + 1 < len(found) else ""
        if token.kind == "word" and token.text in CONTRACTS and following == "(":
            index = closing(found, index + 1)
        elif token.text in ("if", "guard", "while") and previous != ".":
            for first, last in conditions(found, index):
                whole = source[found[first].start : found[last].end]
                if not whole.startswith("!"):
                    add(found[first], "negate", whole, f"!({whole})", whole, found[last].end)
        elif token.kind == "operator":
            add_operator(source, token, previous, following, add)
        elif token.text in ("true", "false") and following != ":" and previous != "." and found[index - 2].text != "keepingCapacity":
            add(token, "literal", token.text, "false" if token.text == "true" else "true")
        elif token.kind == "number" and previous != "." and token.text.replace("_", "").isalnum():
            if not re.search("[eE]", token.text) or token.text.startswith("0x"):
                for new in number_after(token.text):
                    add(token, "literal", token.text, new)
        elif token.text in ("min", "max") and following == "(" and previous not in (".", "func"):
            add(token, "choice", token.text, "max" if token.text == "min" else "min")
        elif token.text in ("min", "max") and previous == "." and following not in ("(", "{", ":"):
            add_extreme(source, found, index, add)
        index += 1
    return result


def add_operator(source, token, previous, following, add):
    before, after = neighbours(source, token)
    text = token.text
    if previous in ("func", "operator", "==", ".", "(") and following in ("(", ")", ",") or previous == "func":
        return
    if text in RANGES and not before and not after and previous not in ("(", ",", "[") and following not in (")", "]", ","):
        for new in RANGES[text]:
            add(token, "infix", text, new)
    elif text in INFIX and before and after:
        for new in INFIX[text]:
            add(token, "infix", text, new)
    elif text == "!" and before and not after:
        add(token, "not", "!", "")
    elif text == "-" and before and not after and not following[:1].isdigit():
        add(token, "minus", "-", "")


def add_extreme(source, found, index, add):
    token = found[index]
    other = ".max" if token.text == "min" else ".min"
    owner = found[index - 2] if index > 1 else None
    if owner and owner.kind == "word" and owner.end == found[index - 1].start:
        if owner.text[:1].isupper() and (index < 3 or found[index - 3].text != "."):
            add(owner, "literal", source[owner.start : token.end], owner.text + other, None, token.end)
    elif owner is None or owner.kind == "mark" or owner.text in ("return", "??", "=", "==", "<", ">", "?", "in"):
        add(found[index - 1], "literal", "." + token.text, other, None, token.end)


# MARK: Switchable forms


def sign(number):
    """The number as characters of an operator: four arrows, after which nothing else can be taken for it."""
    return "".join(chr(0x2190 + (number >> shift & 15)) for shift in (12, 8, 4, 0))


def switchable(site):
    """Sets the edits of a site, as (start, end, text), and gives the declarations that they need."""
    number, name = site.number, f"mutant{site.number}"
    is_on = f"mutantUnderTrial == {number}"
    if site.kind in ("literal", "negate"):
        if site.kind == "literal":
            site.edits = [(site.start, site.end, f"{name}({site.old}, {site.new})")]
            return f"package func {name}<T>(_ a: T, _ b: T) -> T {{ {is_on} ? b : a }}"
        site.edits = [(site.start, site.start, f"{name}("), (site.end, site.end, ")")]
        return f"package func {name}(_ a: Bool) -> Bool {{ {is_on} ? !a : a }}"
    if site.kind == "choice":
        site.edits = [(site.start, site.end, name)]
        return f"package func {name}<T: Comparable>(_ a: T, _ b: T) -> T {{ {is_on} ? {site.new}(a, b) : {site.old}(a, b) }}"
    operator = (site.old if site.old != "!" else "~") + sign(number)
    if site.old in RANGES:
        operator = "~" + sign(number)
    site.edits = [(site.start, site.end, operator)]
    if site.kind == "not":
        return f"prefix operator {operator}\npackage prefix func {operator} (_ a: Bool) -> Bool {{ {is_on} ? a : !a }}"
    if site.kind == "minus":
        return f"prefix operator {operator}\npackage prefix func {operator} <T: SignedNumeric>(_ a: T) -> T {{ {is_on} ? a : -a }}"
    # An operator without white space on either side is an infix operator as well.
    return f"infix operator {operator}: {precedence(site.old)}\n" + "\n".join(infix(site, operator, is_on))


def precedence(old):
    if old == "&&":
        return "LogicalConjunctionPrecedence"
    if old == "||":
        return "LogicalDisjunctionPrecedence"
    if old.endswith("=") and old not in COMPARABLE and old not in EQUATABLE:
        return "AssignmentPrecedence"
    if old in ("&*", "&"):
        return "MultiplicationPrecedence"
    if old in ("&+", "&-", "|", "^"):
        return "AdditionPrecedence"
    return next(name for table, name in PRECEDENCE if old in table)


def infix(site, operator, is_on):
    old, new = site.old, site.new

    def function(generics, left, right, result, on=f"a {new} b", off=f"a {old} b"):
        return f"package func {operator} {generics}(a: {left}, b: {right}) -> {result} {{ {is_on} ? {on} : {off} }}"

    def assigning(generics, right="T"):
        return f"package func {operator} {generics}(a: inout T, b: {right}) {{ if {is_on} {{ a {new} b }} else {{ a {old} b }} }}"

    if old in LOGIC:
        return [
            f"package func {operator} (a: Bool, b: @autoclosure () throws -> Bool) rethrows -> Bool "
            f"{{ {is_on} ? try a {new} b() : try a {old} b() }}"
        ]
    if old == "..<":
        upper = f"{is_on} ? b.advanced(by: 1) : b"
        return [f"package func {operator} <T: Strideable>(a: T, b: T) -> Range<T> where T.Stride: SignedInteger {{ a..<({upper}) }}"]
    if old == "...":
        # A range of one element is left unchanged: it can't be shortened to a closed range.
        upper = f"{is_on} && a < b ? b.advanced(by: -1) : b"
        return [f"package func {operator} <T: Strideable>(a: T, b: T) -> ClosedRange<T> where T.Stride: SignedInteger {{ a...({upper}) }}"]
    if old in COMPARABLE:
        return [function("<T: Comparable>", "T", "T", "Bool")]
    if old in EQUATABLE:
        return [function("<T: Equatable>", "T", "T", "Bool")]
    if old in ASSIGNED_SUMS:
        return [assigning("<T: AdditiveArithmetic>")] + (
            [assigning("", "Duration").replace("inout T", "inout Instant")]
        )
    if old in ASSIGNED_PRODUCTS:
        return [assigning("<T: BinaryInteger>"), assigning("<T: FloatingPoint>")]
    if old in ASSIGNED_WRAPPING:
        return [assigning("<T: FixedWidthInteger>")]
    if old in SUMS:
        times = [function("", "Instant", "Duration", "Instant")]
        if old == "-":
            # Instants can't be added, so their difference is reversed instead.
            times.append(function("", "Instant", "Instant", "Duration", on="b - a"))
        return [function("<T: AdditiveArithmetic>", "T", "T", "T"), *times]
    if old in PRODUCTS:
        forms = [function("<T: BinaryInteger>", "T", "T", "T")]
        if old != "%":
            forms.append(function("<T: FloatingPoint>", "T", "T", "T"))
            forms.append(function("<T: BinaryInteger>", "Duration", "T", "Duration"))
        return forms
    if old in SHIFTS:
        return [function("<T: BinaryInteger, U: BinaryInteger>", "T", "U", "T")]
    return [function("<T: FixedWidthInteger>", "T", "T", "T")]


def changed(source, wanted):
    """The source with the switchable forms of the sites."""
    edits = [edit for site in wanted for edit in site.edits]
    # Backwards, so that offsets stay valid. The start of a condition is inserted before a change at the same offset.
    edits.sort(key=lambda edit: (edit[0], edit[1] > edit[0]), reverse=True)
    for start, end, text in edits:
        source = source[:start] + text + source[end:]
    # Inlinable code may only call inlinable functions, so the attributes, which don't matter here, are removed.
    return re.sub(r"@(inlinable|usableFromInline|inline\(\w+\))", lambda match: " " * len(match.group()), source)
