"""German: the commonest statements. One rule a line."""
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from memori_instrumentation.augmentation.local.rules import (
    Language,
    Rule,
    any_of,
    compile_rules,
    tidy,
    word_set,
)
from memori_instrumentation.augmentation.local.tables.shared import (
    LATIN_SLOTS,
    animals,
    carried,
    household,
    latin_end,
    latin_joints,
)

_NOW = r"(?:jetzt |derzeit |gerade |zurzeit |auch |übrigens |eigentlich )*"
_JOB = r"(?:Ärzt|Arzt|Kranken|Lehrer|Ingenieur|Anwält|Anwalt|Student|Journalist|Architekt|Buchhalter|Bäcker|Koch|Köch|Programmierer|Entwickler|Softwareentwickler|Rentner|Künstler|Musiker|Apotheker|Zahnarzt|Zahnärzt|Übersetzer|Psycholog|Erzieher|Pfleger|Tischler|Elektriker|Mechaniker|Polizist|Physiker|Chemiker|Biolog|Informatiker|Grafiker|Designer|Schreiner|Krankenschwester|Krankenpfleger|Hebamme)"

_SLOTS = LATIN_SLOTS | animals(
    "einen?|eine|zwei|drei|vier|fünf",
    "hund(?:e|in)?|hündin|katzen?|kater|kätzchen|welpen?|kaninchen|hasen?|hamster|papagei(?:en)?|vogel|vögel|pferde?|meerschweinchen|wellensittiche?|schildkröten?|hühner|fische",
    "kind(?:er)?|söhne?|sohn|töchter|tochter|geschwister|brüder|bruder|schwestern?|enkel|zwillinge",
)
_VERBS = "wohne|lebe|arbeite|spreche|komme|mag|liebe|hasse|studiere|habe|hab|heiße|heisse|bin|bevorzuge|wohnen|haben|leben"

_DE = (
    Rule("attribute", "name", r"(?:ich heiße|ich heisse|mein name ist) <x:name>", "Nutzer heißt {x}"),
    Rule("attribute", "age", r"ich bin {now}<x:age>(?: jahre alt)?".replace("{now}", _NOW), "Nutzer ist {x} Jahre alt"),
    Rule("attribute", "from", r"ich komme (?:ursprünglich )?aus <x:place>", "Nutzer kommt aus {x}"),
    Rule("attribute", "allergic_to", r"ich bin {now}(?:stark )?allergisch (?:gegen|auf) <x:thing>".replace("{now}", _NOW), "Nutzer ist allergisch gegen {x}"),
    Rule("attribute", "allergic_to", r"ich habe {now}eine (?P<x>\w+allergie)".replace("{now}", _NOW), "Nutzer hat eine {x}"),
    Rule("attribute", "diet", r"ich bin {now}(?P<x>vegetarier(?:in)?|vegan(?:er|erin)?|vegetarisch|laktoseintolerant|glutenintolerant)".replace("{now}", _NOW), "Nutzer ist {x}"),
    Rule("fact", "lives_in", r"ich (?:wohne|lebe) {now}(?P<p>in |im |bei |auf |nahe |an der )<x:place>".replace("{now}", _NOW), "Nutzer wohnt {p}{x}"),
    Rule("fact", "moved_to", r"ich bin [^,;:!?]{0,40}?nach <x:place> (?:um)?gezogen", "Nutzer ist nach {x} gezogen"),
    Rule("fact", "job", r"ich arbeite {now}(?:[^,;:!?]{0,40}? )?als <x:thing>".replace("{now}", _NOW), "Nutzer arbeitet als {x}"),
    Rule("fact", "works_at", r"ich arbeite {now}(?P<p>bei |für |in |im |am |an der )<x:place>(?: als [^,;:!?]{1,40}?)?".replace("{now}", _NOW), "Nutzer arbeitet {p}{x}"),
    Rule("fact", "job", rf"ich bin {_NOW}(?P<x>{_JOB}\w*(?: [^,;:!?]{{1,40}}?)?)", "Nutzer ist {x}"),
    Rule("fact", "studies", r"ich studiere {now}<x:thing>".replace("{now}", _NOW), "Nutzer studiert {x}"),
    Rule("preference", "loves", r"ich liebe <x:thing>", "Nutzer liebt {x}"),
    Rule("preference", "likes", r"ich mag (?!nicht|kein)(?:gerne |sehr |auch )?<x:thing>", "Nutzer mag {x}"),
    Rule("preference", "dislikes", r"ich mag (?P<x>kein(?:e|en)? [^,;:!?]{2,60}?)", "Nutzer mag {x}"),
    Rule("preference", "hates", r"ich hasse <x:thing>", "Nutzer hasst {x}"),
    Rule("preference", "prefers", r"ich bevorzuge <x:thing>", "Nutzer bevorzugt {x}"),
    Rule("skill", "speaks", r"ich spreche (?:fließend |etwas |auch )?(?P<x>Englisch|Deutsch|Französisch|Spanisch|Italienisch|Portugiesisch|Arabisch|Chinesisch|Japanisch|Russisch|Türkisch|Polnisch)", "Nutzer spricht {x}"),
    Rule("rule", "always", r"(?:bitte )?(?:antworte|antworten sie)(?: mir)? immer <x:rest>", "Nutzer möchte, dass der Assistent immer {x} antwortet"),
    Rule("rule", "call_me", r"(?:bitte )?nenn(?:e)? mich <x:name>", "Nutzer möchte {x} genannt werden"),
    *household("ich habe|ich hab|wir haben|ich besitze", "namens|(?:d(?:er|ie)|er|sie) heißt|mit namen|genannt", "meine[mrn]?|mein|unser(?:e[mrn]?)?", "Nutzer hat", "ein Haustier"),
)

GERMAN = Language(
    code="de",
    words=word_set(
        "ich bin heiße heisse wohne der die das ein eine einen und ist nicht mit mein meine mich "
        "mir in zu von den dem auf für auch als aus habe mag wie was wo wenn bitte du sie kannst "
        "arbeite gegen bei aber wir haben zwei keinen leider"
    ),
    rules=compile_rules(_DE, _SLOTS, latin_end("weil|aber|seit|mit (?:mein|meiner|meinem)|wo|und|danke")),
    joints=latin_joints("und|aber|weil|denn|also", r"ich|mein|meine|wir|er|sie|es|was|wie|wo|wer|kannst|können|welche|gibt|bitte"),
    openers=any_of(r"(?:(?:hallo|hi|hey|guten tag|ja|nein|also|und|aber|übrigens|eigentlich|danke|hello)[,!:]? +)+"),
    question=any_of(r"(?:was|wo|wie|wann|wer|warum|wieso|welche[rs]?|kannst|könntest|können|könnten|weißt|bin ich|habe ich|soll ich)\b"),
    doubt=any_of(r"\b(?:wenn|falls|ob|würde|wäre|hätte|könnte|möchte|vielleicht|angenommen|stell dir vor|ich glaube|ich denke|ich hoffe|sagte|sagt|behauptet)\b", r"^(?:als|während|bevor)\b"),
    fiction=any_of(r"\b(?:übersetze|übersetzen|übersetz|fasse|korrigiere|formuliere|umformulieren|stell dir vor|tu so|rollenspiel|schreib|schreibe|verfasse|folgenden? (?:text|satz)|folgender text)\b"),
    carries=carried("ich|wir", "und|aber", _VERBS),
    tidied=tidy(
        # Who greets and then is "Lena" says a name.
        (rf"^(?:hello|hallo|moin|servus|guten tag)[,!]? ich bin (?!{_JOB}|neu|veg|deutsch|schweizer|österreicher|mutter|vater|anfänger|single)((?-i:[A-ZÄÖÜ])[a-zäöüß]+)(?=$|[,.!]| und\b| aus\b)", r"ich heiße \1"),
        # "Übrigens bin ich Vegetarierin" has its subject where a question has it.
        (rf"^(?:(?:hallo|hello|ja),? )?(?:übrigens|eigentlich|derzeit|jetzt|inzwischen|momentan|leider|aktuell|zurzeit|mittlerweile|heute|seitdem) ({_VERBS}) (ich|wir)\b", r"\2 \1"),
    ),
)
