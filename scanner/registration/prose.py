"""What a registry says in prose, in RDAP as in WHOIS: a text in, the sentences out that may speak of the name asked
about. Terms of use, banners and copyright speak of all names and are left out, unless a sentence says "this name".
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator

LONG = 300  # characters of a paragraph; what speaks of one name is shorter
OPENS, CLOSES = "'\"`<(\\[«\u201c\u2018", "'\"`>)\\]»\u201d\u2019"  # quotes and brackets, in a class of characters
THIS = "this name"  # stands for the name in what is given back
PARAGRAPHS = re.compile(r"\n\s*\n")
SENTENCES = re.compile(r"(?<=[.!?;])\s+|(?<=[\u3002\uff01\uff1f])\s*")
MARK = re.compile(r"^[ \t]*(?:[%#;*]+|//+)[ \t]?", re.MULTILINE)  # of comments
STAMP = re.compile(r"^[ \t]*>>>[^\n]*$", re.MULTILINE)  # `>>> Last update of WHOIS database: ... <<<`
TAG = re.compile(r"</?(?:a|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|li|ol|p|pre|small|span|strong|"
                 r"table|td|th|title|tr|tt|u|ul)(?:\s[^<>]*)?/?>", re.IGNORECASE)  # fmt: skip
LEGAL = re.compile(
    r"\bterms\b|\bcopyright|\(c\) |©|\b(?:all )?rights (?:are )?reserved|\breserves? the right|\blegal (?:notice|"
    r"information)|\bdisclaimer|\bby (?:submitting|using|executing)\b|\byou agree\b|\bprivacy\b|\bstatus codes\b|"
    r"\binaccuracy\b|\b(?:derechos|droits|diritti|direitos|rechten?|rechte) (?:\w+ )?(?:r[eéi]serv|vorbehalten|"
    r"voorbehouden)|版权|版權|权利|權利|条款|條款|著作権|利用規約|無断|약관|저작권",
    re.IGNORECASE,
)
LEGAL_TITLE = re.compile(r"\b(?:terms|conditions|copyright|disclaimer|legal|policy|privacy|status codes|inaccuracy|"
                         r"rate limit\w*)\b|条款|條款|規約|약관", re.IGNORECASE)  # fmt: skip
OF_THIS = re.compile(
    r"\b(?:this|that) (?:domain|name|label|string|word)\b|\bthe (?:requested|queried|entered|given|searched)\b|"
    r"\bthe (?:domain|domain name|name|string|label) (?:you|is|was|has|cannot|can not|can't|may not)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Without markup, characters that nobody sees, and more than one blank in a row."""
    text = html.unescape(TAG.sub(" ", text))
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", text).split())


def without(name: str, text: str) -> str:
    """`reserved-words.com not found` says nothing of reserved: THIS in the place of the name, and of its label in
    quotes."""
    text = re.sub(rf"(?<![a-z0-9.-]){re.escape(name)}(?![a-z0-9-])", THIS, text, flags=re.IGNORECASE)
    label = re.escape(name.partition(".")[0])
    return re.sub(rf"([{OPENS}]){label}([{CLOSES}])", rf"\1{THIS}\2", text, flags=re.IGNORECASE)


def sentences(name: str, text: str, *, is_legal: bool = False) -> Iterator[str]:
    """Those of a text, or of a text that is about all names, that may speak of this one."""
    for paragraph in PARAGRAPHS.split(MARK.sub("", STAMP.sub("", text))):
        flat = without(name, plain(paragraph))
        is_about_all = is_legal or len(flat) > LONG
        for sentence in SENTENCES.split(flat):
            if sentence and (OF_THIS.search(sentence) or not (is_about_all or LEGAL.search(sentence))):
                yield sentence


def any_says(said: Iterable[str], pattern: re.Pattern[str]) -> bool:
    """True where one of the sentences does."""
    return any(map(pattern.search, said))
