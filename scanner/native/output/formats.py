"""The formats of lines by name, each with what writes it."""

from scanner.native.output.bare_names import NamesWriter
from scanner.native.output.compact import CompactWriter
from scanner.native.output.massdns import MassdnsWriter
from scanner.native.output.zdns import ZdnsWriter

WRITERS = {"compact": CompactWriter, "names": NamesWriter, "massdns": MassdnsWriter, "zdns": ZdnsWriter}
