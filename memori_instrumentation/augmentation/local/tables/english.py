"""English: the fullest table. One rule a line, however long."""
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from memori_instrumentation.augmentation.local.rules import (
    Language,
    Rule,
    Slot,
    compile_rules,
    word_set,
)
from memori_instrumentation.augmentation.local.tables import english_checks as check
from memori_instrumentation.augmentation.local.tables import english_grammar as grammar
from memori_instrumentation.augmentation.local.tables import english_words as words
from memori_instrumentation.augmentation.local.third_person import retell, reword

_END = (
    r"(?=\s*(?:$|[;:!?(]|,? so (?:i|i'm|we|my|that|please|you|it|can)\b|, so\b|,? (?:because|since|which|who|where|when|while|although|though|as well|"
    r"too|now|right now|currently|at all|tbh|lately|unfortunately|sadly|obviously|though|imo|ngl|fyi|a lot|so much|"
    r"most days|most of the time|if that|in case|thx|pls|i guess|these days|nowadays|at the moment|by the way|btw|actually|thanks|"
    r"thank you|please|especially|for now|already|anymore|haha|you know)\b))"
)
_TEXT = r"[^;:!?()\n]"

_LEARNED = f"{words.LANGUAGES}|{words.TOOLS}|{words.INSTRUMENTS}|{words.GAMES}"

SLOTS = {
    "name": Slot(r"[^\W\d_][^\s,;:!?()\d]{0,30}(?: [^\W\d_][^\s,;:!?()\d]{0,30}){0,3}?", check.name),
    "anyone": Slot(
        r"[^\W\d_][^\s,;:!?()\d]{0,30}(?: [^\W\d_][^\s,;:!?()\d]{0,30}){0,3}?", check.anyone
    ),
    "place": Slot(rf"{_TEXT}{{1,60}}?", check.place),
    "thing": Slot(rf"{_TEXT}{{1,100}}?", check.thing),
    "job": Slot(rf"(?:(?! from | living | based ){_TEXT}){{2,80}}?", check.job),
    "when": Slot(words.WHEN),
    "names": Slot(r"(?-i:[A-Z])[\w'-]{1,30}(?:(?:, | and |, and | & )(?-i:[A-Z])[\w'-]{1,30}){0,4}"),
    "folk": Slot(
        r"(?!(?:good|bad|nice|new|real|terrible|shy|different|busy|right|wrong|first|only|third|"
        r"better|normal|single|human)\b)[a-z]{3,20}(?:-[a-z]{3,20})?"
    ),
    "study": Slot(rf"{_TEXT}{{2,80}}?", check.study),
    "order": Slot(r"[^;!?()\n]{3,160}?", check.order),
    "nation": Slot(r"[a-z]+(?:[- ][a-z]+)?", check.nationality),
    "rest": Slot(rf"{_TEXT}{{1,120}}?"),
    "age": Slot(r"(?:1[0-9]|[2-9][0-9]|1[01][0-9])"),
    "years": Slot(words.YEARS),
    "span": Slot(rf"(?:{words.YEARS}|(?:19|20)\d\d|[a-z ]{{0,20}}(?:childhood|school|college|university|birth)|i was [^;:!?()]{{1,30}}?)"),
    "deed": Slot(rf"{_TEXT}{{2,120}}?", check.deed),
    "sort": Slot(r"(?!(?:one|ones|part|thing|bit|line|version|answer|option|way|memory|moment)\b)[\w' -]{2,40}?"),
    "relation": Slot(words.RELATION),
    "pets": Slot(
        rf"(?:an?|one|two|three|four|five|six|\d{{1,2}})(?: (?!(?:called|named|of|in|with|about|for|to)\b)[a-z-]{{2,20}}){{0,2}} (?:{words.PETS})"
    ),
    "pet": Slot(rf"(?:{words.PETS})"),
    "owned": Slot(
        rf"(?:an?|one|two|three|our own|my own)(?: [\w'-]{{2,20}}){{0,3}} (?:{words.POSSESSIONS})"
        r"(?: (?:in|near|on|by|called|named) [^,;:!?()]{1,40}?)?"
    ),
    "children": Slot(
        rf"(?:an?|one|two|three|four|five|six|seven|\d|no)(?: [a-z-]{{2,20}}){{0,2}} (?:{words.CHILDREN})"
    ),
    "language": Slot(rf"(?:{words.LANGUAGES})(?:(?:, | and |, and )(?:{words.LANGUAGES})){{0,5}}"),
    "tool": Slot(
        rf"(?:{words.TOOLS})(?:(?:, | and |, and | & )(?:{words.TOOLS})(?![\w+#])){{0,6}}(?![\w+#])"
    ),
    "learned": Slot(rf"(?:{_LEARNED})(?:(?:, | and |, and )(?:{_LEARNED})){{0,3}}(?![\w+#])"),
    "business": Slot(
        rf"(?:an?|my own|our own|the)(?: [\w'-]{{2,20}}){{0,3}} (?:{words.BUSINESSES})"
        r"(?: (?:in|near|on|called|named) [^,;:!?()]{1,40}?)?"
    ),
    "music": Slot(rf"(?:{words.INSTRUMENTS})(?:(?:, | and |, and )(?:the )?(?:{words.INSTRUMENTS})){{0,3}}"),
    "game": Slot(rf"(?:{words.GAMES})(?:(?:, | and |, and )(?:{words.GAMES})){{0,3}}"),
    "ill": Slot(words.CONDITIONS),
    "ills": Slot(rf"(?:{words.CONDITIONS})(?: and (?:{words.CONDITIONS}))?"),
    "diet": Slot(words.DIETS),
    "style": Slot(rf"(?:{words.STYLE})(?:(?:, | and | or |, or )(?:{words.STYLE})){{0,4}}"),
    "adverb": Slot(r"fluently|pretty well|really well|inside out|well|natively|a little|a bit|badly|at home|conversationally|quite well|very well"),
    "going": Slot(
        r"going|flying|travell?ing|visiting|moving|getting|starting|leaving|having|meeting|seeing|"
        r"training for|taking|running|attending|speaking|hosting|celebrating|driving|graduating|retiring|giving|"
        r"presenting|performing|playing|competing|defending|returning|coming|heading|joining|"
        r"launching|turning|throwing"
    ),
    "past": Slot(
        r"got|went|graduated|started|finished|bought|sold|adopted|visited|ran|won|lost|met|"
        r"married|retired|quit|gave|saw|broke|became|passed|returned|flew|attended|joined|left"
    ),
    "occasion": Slot(
        r"(?:\w+(?:'s)? ){0,3}?(?:flight|exam|wedding|anniversary|interview|appointment|meeting|surgery|"
        r"operation|trip|vacation|holiday|move|deadline|concert|recital|marathon|race|graduation|"
        r"due date|party|presentation|conference|reunion|checkup|check-up|first day|birthday party|"
        r"game|match|tournament|audition|exhibition|tryout|driving test|thesis defen[cs]e|defen[cs]e|visa appointment)"
    ),
}

_I = r"(?:i|we)"
_IM = r"(?:i'?m|i am|we're|we are)"
_IVE = r"(?:i've|i have|we've|we have)"
_HAVE = r"(?:(?:i|we)(?: also)? (?:have|own|got|keep)|(?:i|we)'ve(?: also)? got)"
_MY = r"(?:my|our)"
_MANNER = (
    r"really |actually |also |just |still |always |usually |generally |kinda |kind of |sort of |definitely |totally |"
    r"literally |honestly |basically |mostly |mainly |super |so |pretty |lowkey |normally |sometimes |often |"
    r"sadly |unfortunately |obviously |only "
)
_NOW = rf"(?:now |currently |both |recently |quite |very |{_MANNER})*"
_REALLY = rf"(?:absolutely |truly |do |secretly |especially |particularly |{_MANNER})*"
# Where a list of known words ends, even in the middle of another list.
_KNOWN_END = rf"(?:(?=,| and\b| but\b)|{_END})"

_SELF = (
    Rule("attribute", "name", rf"{_MY} (?:full |first |real )?name(?:'s| is) <x:anyone>", "User's name is {x}"),
    Rule("attribute", "name", r"hello, (?:i'?m|i am|this is|it's) <x:name>(?= here\b|\s*$|,| from\b| and\b| but\b)", "User's name is {x}", open=True),
    Rule("attribute", "pronouns", rf"{_MY} pronouns are <x:rest>", "User's pronouns are {x}"),
    Rule("attribute", "age", rf"{_IM} {_NOW}<x:age>(?: years? old| yo)?(?! ?%)", "User is {x} years old"),
    Rule("attribute", "age", rf"{_IM} {_NOW}in my (?P<x>(?:early |mid-? ?|late )?(?:teens|twenties|thirties|forties|fifties|sixties|seventies|eighties|[2-8]0'?s))", "User is in their {x}"),
    Rule("attribute", "fears", rf"{_IM} {_NOW}(?:scared|afraid|terrified) of (?!\w+ing\b)<x:thing>", "User is afraid of {x}", confidence=0.8),
    Rule("attribute", "birthday", rf"{_MY} birthday(?:'s| is|: ?)(?: on)? (?:the )?<x:rest>", "User's birthday is on {x}"),
    Rule("attribute", "born", rf"{_I} was born (?P<how>in|on|at) <x:rest>", "User was born {how} {x}"),
    Rule("attribute", "from", rf"{_IM} {_NOW}(?:originally )?from <x:place>", "User is from {x}"),
    Rule("attribute", "from", rf"{_IM} {_NOW}an? <y:job>,? (?:and )?(?:originally )?from <x:place>", "User is from {x}"),
    Rule("attribute", "from", rf"{_I} {_NOW}(?:originally )?come from <x:place>", "User is from {x}"),
    Rule("attribute", "grew_up_in", rf"{_I} (?:grew up|was raised) (?:in|near|on) <x:place>", "User grew up in {x}"),
    Rule("attribute", "nationality", rf"{_IM} {_NOW}<x:nation>", "User is {x}", confidence=0.8),
    Rule("attribute", "allergic_to", rf"{_IM} {_NOW}(?:highly |severely |very |deathly |mildly |quite )?allergic to <x:thing>", "User is allergic to {x}", confidence=0.95),
    Rule("attribute", "allergic_to", rf"{_IVE} {_NOW}an? (?:severe |mild |bad )?(?:allergy to <x:thing>)", "User is allergic to {x}", confidence=0.95),
    Rule("attribute", "diet", rf"{_IM} {_NOW}<x:diet>", "User is {x}", confidence=0.95),
    Rule("attribute", "diet", rf"{_IVE} been {_NOW}<x:diet>(?: (?:for|since) {_TEXT}{{1,40}}?)?", "User is {x}"),
    Rule("attribute", "does_not_eat", rf"{_I} (?:don'?t|do not|can'?t|cannot|never) eat <x:thing>", "User does not eat {x}"),
    Rule("attribute", "does_not_drink", rf"{_I} (?:don'?t|do not|never) drink <x:thing>", "User does not drink {x}"),
    Rule("attribute", "condition", rf"{_I} (?:was diagnosed with|suffer from) <x:ill>", "User has {x}"),
    Rule("attribute", "condition", rf"{_HAVE} {_NOW}<x:ills>(?:{_KNOWN_END})", "User has {x}", open=True),
    Rule("attribute", "condition", rf"{_IM} {_NOW}<x:condition>(?:{_KNOWN_END})", "User is {x}", open=True),
)
SLOTS["condition"] = Slot(
    r"diabetic|asthmatic|dyslexic|autistic|colou?r[- ]?blind|deaf|blind|epileptic|left[- ]handed|"
    r"pregnant|married|divorced|widowed|single|engaged|retired|unemployed|self-employed|"
    r"non-binary|nonbinary|transgender|gay|lesbian|bisexual|an only child"
)

_LIFE = (
    Rule("fact", "lives_in", rf"{_I} {_NOW}live {_NOW}(?P<how>in|near|on|at|outside|close to) <x:place>(?: with (?:my|our|the|a|two|three) {_TEXT}{{1,60}}?)?", "User lives {how} {x}"),
    Rule("fact", "lives_in", rf"{_IM} {_NOW}(?:living|based(?! on)|located) (?P<how>in|near|on|at|outside) <x:place>(?: with (?:my|our|the|a|two|three) {_TEXT}{{1,60}}?)?", "User lives {how} {x}"),
    Rule("fact", "lives_in", rf"{_IM} {_NOW}an? <y:job>,? (?:currently )?(?:living|based) (?P<how>in|near) <x:place>", "User lives {how} {x}"),
    Rule("fact", "lives_in", rf"{_I} {_NOW}live with {_TEXT}{{1,40}}? (?P<how>in|near) <x:place>", "User lives {how} {x}"),
    Rule("fact", "lives_in", rf"{_IVE} (?:been living|lived) (?P<how>in|near|on|at) <x:place> (?P<t>for|since) <y:rest>", "User has lived {how} {x} {t} {y}"),
    Rule("fact", "moved_to", rf"{_IVE}? ?{_NOW}(?:(?:i|we) )?{_NOW}(?:just |recently )?moved (?:back |over )?(?:from <y:place> )?to <x:place>(?: <t:when>)?(?: (?:for|with) {_TEXT}{{1,60}}?)?", "User moved to {x} {t}"),
    Rule("fact", "moving_to", rf"{_IM} {_NOW}(?:moving|relocating) (?:back )?to <x:place>(?: <t:when>)?(?: (?:for|with) {_TEXT}{{1,60}}?)?", "User is moving to {x} {t}"),
    Rule("fact", "job", rf"{_IM} {_NOW}an? <x:job>(?:(?= (?:from|living|based) )|{_END})", "User is a {x}", object="{x}", open=True),
    Rule("fact", "job", rf"{_IM} {_NOW}the <x:job>", "User is the {x}", object="{x}"),
    Rule("fact", "job", rf"{_IVE} been an? <x:job> (?P<t>for|since) <y:rest>", "User has been a {x} {t} {y}"),
    Rule("fact", "job", rf"{_I} {_NOW}(?:(?:started|began) (?:working|work|a (?:new )?job)|joined|got a (?:new )?job) (?:at |for |with )?{_TEXT}{{2,60}}? as (?P<a>(?:an? |the )?)<x:job>(?: <t:when>)?", "User works as {a}{x}"),
    Rule("fact", "works_at", rf"{_I} {_NOW}(?:(?:started|began) (?:working|work|a (?:new )?job)|got (?:a|the) (?:new )?job|landed a (?:new )?job|accepted a job) (?P<how>at|for|with) <x:employer>(?: as {_TEXT}{{2,60}}?)?(?: <t:when>)?", "User works {how} {x}"),
    Rule("fact", "works_at", rf"{_I} {_NOW}joined <x:employer> as (?:an? |the )?<y:job>(?: <t:when>)?", "User works at {x}"),
    Rule("fact", "job", rf"{_I} {_NOW}work (?P<w>(?:(?:for|at|in|with) {_TEXT}{{2,60}}? )?)as (?P<a>(?:an? |the )?)<x:job>", "User works {w}as {a}{x}"),
    Rule("fact", "job", rf"{_IM} {_NOW}(?:working|employed) as (?P<a>(?:an? |the )?)<x:job>", "User works as {a}{x}"),
    Rule("fact", "works_at", rf"{_I} {_NOW}work (?P<how>at|for) <x:employer>(?: (?:as|doing) {_TEXT}{{2,60}}?)?(?: <t:when>)?", "User works {how} {x}"),
    Rule("fact", "works_at", rf"{_IM} {_NOW}working (?P<how>at|for) <x:employer>(?: (?:as|doing) {_TEXT}{{2,60}}?)?(?: <t:when>)?", "User works {how} {x}"),
    Rule("fact", "works_in", rf"{_I} {_NOW}work in <x:field>", "User works in {x}"),
    Rule("fact", "works_in", rf"{_I} {_NOW}work <x:remote>", "User works {x}"),
    Rule("fact", "job", rf"{_MY} (?:job|profession|occupation) is <x:thing>", "User's job is {x}"),
    Rule("fact", "studies", rf"{_I} {_NOW}study <x:study>", "User studies {x}"),
    Rule("fact", "studies", rf"{_IM} {_NOW}(?:studying|majoring in) <x:study>", "User is studying {x}"),
    Rule("fact", "studied", rf"{_I} (?:studied|majored in) <x:study>", "User studied {x}"),
    Rule("fact", "teaches", rf"{_I} {_NOW}teach (?!my |me |our |him |them )<x:study>", "User teaches {x}"),
    Rule("fact", "runs", rf"{_I} {_NOW}(?:run|manage|opened|started|founded) <x:business>", "User runs {x}"),
    Rule("fact", "drives", rf"{_I} {_NOW}(?:drive|ride) an? <x:vehicle>", "User drives a {x}"),
    Rule("fact", "owns", rf"{_I} {_NOW}own <x:thing>", "User owns {x}"),
    Rule("fact", "owns", rf"{_HAVE} {_NOW}<x:owned>", "User has {x}"),
    Rule("fact", "has_pet", rf"{_HAVE} {_NOW}<x:pets>(?:,|:) (?:(?:named|called) )?<y:names>", "User has {x} named {y}", object="{x} named {y}"),
    Rule("fact", "has_pet", rf"{_HAVE} {_NOW}<x:pets> (?:named|called) <y:anyone>", "User has {x} named {y}", object="{x} named {y}"),
    Rule("fact", "has_pet", rf"{_HAVE} {_NOW}<x:pets> (?:named|called) <y:name1>(?= and (?:an?|one|two|three|four|\d)\b)", "User has {x} named {y}", object="{x} named {y}", open=True),
    Rule("fact", "has_pet", rf"{_I} {_NOW}(?:have )?(?:adopted|rescued) <x:pets>(?: <t:when>)?", "User has {x}"),
    Rule("fact", "has_pet", rf"{_HAVE} {_NOW}<x:pets>(?!,? (?:named|called)|, (?-i:[A-Z]))", "User has {x}"),
    Rule("fact", "has_pet", rf"{_HAVE} {_TEXT}{{1,60}}? and <x:pets>", "User has {x}"),
    Rule("fact", "has_pet", rf"{_MY} <x:pet>'s name is <y:anyone>", "User has a {x} named {y}", object="{x} named {y}"),
    Rule("fact", "has_pet", rf"{_MY} <x:pet> is (?:called|named) <y:anyone>", "User has a {x} named {y}", object="{x} named {y}"),
    Rule("fact", "has_pet", rf"{_MY} <x:pet>,? <y:name1>(?=$|,| and\b| (?:is|has|loves|likes|died|was|had|just|also|keeps?|who|who's)\b)", "User has a {x} named {y}", object="{x} named {y}", open=True, anywhere=True),
    Rule("fact", "has_children", rf"{_HAVE} {_NOW}<x:children>(?:[,:] <y:rest>)?(?! (?:named|called))", "User has {x}"),
    Rule("fact", "has_children", rf"{_IM} {_NOW}(?:an? )?(?:proud |single |new )?(?P<p>mom|mum|mother|dad|father|parent) (?:of|to) (?P<x>(?:an?|one|two|three|four|five|six|twins|\d)(?: [\w-]{{2,20}}){{0,3}})", "User is a {p} of {x}"),
    Rule("fact", "used_to", rf"{_I} used to (?P<v>live|work|study|play|smoke|teach|run|own) <x:rest>", "User used to {v} {x}", object="{v} {x}"),
)
SLOTS |= {
    "employer": Slot(rf"{_TEXT}{{2,60}}?", lambda text: check.place(text) and text.split()[0].lower() not in {"a", "least", "myself", "hours", "days", "about", "home"}),
    "field": Slot(r"(?:the )?(?:\w+ ){0,3}?(?:finance|it|tech|healthcare|education|marketing|sales|hr|logistics|retail|construction|research|consulting|insurance|banking|advertising|publishing|media|government|law|hospitality|tourism|agriculture|real estate|manufacturing|biotech|pharma|journalism|film|music|industry|sector|department|cyber ?security|security|data science|machine learning|customer support|customer service|human resources)"),
    "remote": Slot(r"(?:fully |mostly )?(?:remotely|from home|night shifts|nights|part[- ]time|full[- ]time|freelance)"),
    "vehicle": Slot(r"[^;:!?(),\n]{2,40}?", lambda text: check.thing(text) and text.split()[0].lower() not in {"lot", "hard", "long", "bit", "car", "bus"}),
}

_TASTE = (
    Rule("preference", "loves", rf"{_I} {_REALLY}(?:love|adore) <x:thing>", "User loves {x}"),
    Rule("preference", "likes", rf"{_I} {_REALLY}(?:like|enjoy) <x:thing>", "User likes {x}"),
    Rule("preference", "dislikes", rf"{_I} {_REALLY}(?:don'?t|do not|didn't) {_REALLY}(?:like|enjoy) <x:thing>", "User does not like {x}"),
    Rule("preference", "dislikes", rf"{_I} {_REALLY}(?:dislike) <x:thing>", "User does not like {x}"),
    Rule("preference", "hates", rf"{_I} {_REALLY}(?:hate|detest|loathe|despise) <x:thing>", "User hates {x}"),
    Rule("preference", "hates", rf"{_I} (?:can'?t|cannot) stand <x:thing>", "User can't stand {x}"),
    Rule("preference", "listens_to", rf"{_I} {_REALLY}listen to <x:thing> (?:a lot|all the time|every day|most of the time)", "User listens to {x}"),
    Rule("preference", "prefers", rf"{_I} {_REALLY}prefer <x:thing>", "User prefers {x}"),
    Rule("preference", "favourite", rf"{_MY} (?:all-time )?(?P<f>favou?rite) <k:sort>(?:'s| is| are) <x:thing>", "User's {f} {k} is {x}", object="{k}: {x}"),
    Rule("preference", "favourite", r"<x:thing> (?:is|are) my (?P<f>favou?rite) <k:sort>", "User's {f} {k} is {x}", object="{k}: {x}", confidence=0.8),
    Rule("preference", "likes", rf"{_IM} {_REALLY}(?:into|fond of|crazy about|passionate about|obsessed with|keen on) <x:thing>", "User is into {x}"),
    Rule("preference", "likes", rf"{_IM} (?:{_REALLY}a )?(?:big |huge |massive |great |lifelong )?fan of <x:thing>", "User is a fan of {x}"),
    Rule("preference", "is", rf"{_IM} {_REALLY}(?:more of )?an? {_REALLY}<x:folk> person", "User is a {x} person", object="{x} person"),
    Rule("preference", "is_not", rf"{_IM} {_REALLY}not (?:really |much of )?an? {_REALLY}<x:folk> person", "User is not a {x} person", object="{x} person"),
    Rule("preference", "dislikes", rf"{_IM} not (?:a (?:big |huge )?fan of|into|fond of|keen on) <x:thing>", "User does not like {x}"),
)

_SKILL = (
    Rule("skill", "speaks", rf"{_I} {_NOW}(?:can )?speak (?:fluent |some |a little |a bit of |basic )?<x:language>(?: <y:adverb>)?", "User speaks {x} {y}"),
    Rule("skill", "speaks", rf"{_IM} {_NOW}(?P<l>fluent|bilingual|conversational) in <x:language>", "User is {l} in {x}"),
    Rule("skill", "speaks", rf"{_MY} (?:native language|mother tongue|first language) is <x:language>", "User's native language is {x}"),
    Rule("skill", "learning", rf"{_IM} {_NOW}(?:learning|studying|taking up) (?:to (?:speak|play|code in) )?(?:the )?<x:learned>", "User is learning {x}", each=True),
    Rule("skill", "plays", rf"{_I} {_NOW}(?:can )?play (?:the )?<x:music>(?:{_KNOWN_END})", "User plays the {x}", open=True),
    Rule("skill", "plays", rf"{_I} {_NOW}(?:can )?play <x:game>(?:{_KNOWN_END})", "User plays {x}", open=True),
    Rule("skill", "practises", rf"{_IVE} been (?P<v>writing|using|coding in|programming in|working with|working in|playing|practi[sc]ing|learning|studying|teaching|speaking|dancing|running|climbing|painting) <x:thing> (?P<t>for|since) <y:span>", "User has been {v} {x} {t} {y}", object="{v} {x}"),
    Rule("skill", "practises", rf"{_IVE} (?P<v>used|written|played|taught|practi[sc]ed|worked with|programmed in|coded in) <x:thing> for <y:years>", "User has {v} {x} for {y}", object="{v} {x}"),
    Rule("skill", "experience", rf"{_IVE} <y:years> of (?:professional |work |working )?experience (?P<how>in|with|as|using|of) <x:thing>", "User has {y} of experience {how} {x}"),
    Rule("skill", "knows", rf"{_I} {_NOW}know (?:how to (?:use|write|code in) )?(?:some |basic |a little |a bit of )?<x:tool>(?:,? (?:and|&) (?:some|a little|a bit of|basic) {_TEXT}{{1,30}}?)?(?: <y:adverb>)?", "User knows {x} {y}", each=True),
    Rule("skill", "knows", rf"{_I} {_NOW}know how to <x:study>", "User knows how to {x}"),
    Rule("skill", "uses", rf"{_I} {_NOW}(?P<v>program|code|develop) (?:mostly |mainly |primarily )?in <x:tool>", "User programs in {x}", each=True),
    Rule("skill", "uses", rf"{_I} {_NOW}(?:mostly |mainly |primarily )?(?:write|use) (?:mostly |mainly )?<x:tool>(?: (?:at work|for work|at my job|every day|daily|professionally|mostly|a lot)| for (?!this|that|these|the|it|my|an?\b){_TEXT}{{2,40}}?)*(?:(?=,)|{_END})", "User uses {x}", confidence=0.8, open=True, each=True),
    Rule("skill", "level", rf"{_IM} {_NOW}(?P<l>an? (?:absolute |complete |total )?(?:beginner|expert|novice|intermediate|advanced)|new|proficient|experienced|good|bad|terrible|great|skilled) (?P<how>at|in|with|to) <x:skilled>", "User is {l} {how} {x}", object="{l} {how} {x}"),
)
SLOTS["skilled"] = Slot(
    rf"{_TEXT}{{1,60}}?",
    lambda text: check.thing(text) and text.split()[0].lower() not in {"all", "my", "first", "least"},
)

_PEOPLE = (
    Rule("relationship", "{r}_of", rf"{_MY} <r:relation>'s name is <n:anyone>", "{n} is User's {r}", subject="{n}", object="User"),
    Rule("relationship", "{r}_of", rf"{_MY} <r:relation> is (?:called|named) <n:anyone>", "{n} is User's {r}", subject="{n}", object="User"),
    Rule("relationship", "{r}_of", rf"\b{_MY} <r:relation>,? <n:name1>(?=$|,| (?:is|was|has|had|and|who|lives?|works?|loves?|likes?|hates?|studies|plays|speaks|died|got|will|told|thinks|wants|just|also|moved|turned|turns|in|from|at)\b)", "{n} is User's {r}", subject="{n}", object="User", anywhere=True, open=True),
    Rule("relationship", "{r}_of", rf"(?:this is )?<n:name> is {_MY} <r:relation>", "{n} is User's {r}", subject="{n}", object="User"),
    Rule("relationship", "{r}_of", rf"{_HAVE} (?:an? |one )(?:\d{{1,2}}[- ](?:year|month)s?[- ]old )?<r:relation>,? (?:named|called) <n:anyone>", "{n} is User's {r}", subject="{n}", object="User"),
    Rule("relationship", "married_to", rf"{_IM} (?P<m>married|engaged) to <n:name>", "User is {m} to {n}", object="{n}"),
    Rule("person", "{v}", rf"{_MY} <r:relation>,? (?P<n>(?:[^\W\d_]\w+ )?)<v:state> <x:rest>", "User's {r} {n}{v} {x}", subject="User's {r} {n}"),
    Rule("person", "is", rf"{_MY} <r:relation>,? (?P<n>(?:[^\W\d_]\w+ )?)is {_NOW}<x:being>", "User's {r} {n}is {x}", subject="User's {r} {n}", open=True),
)
SLOTS |= {
    "name1": Slot(r"[^\W\d_][\w'-]{1,30}", check.name),
    "state": Slot(r"lives in|works as|works at|works for|works in|loves|likes|hates|studies|plays|speaks|was born in|was born on|comes from|moved to|is allergic to|is from|grew up in|turns|turned"),
    "being": Slot(r"(?:\d{1,3}(?: (?:years|months|weeks) old)?|an? [^,;:!?()]{2,60}?|vegan|vegetarian|pregnant|retired|diabetic|deaf|blind|dead|married|divorced)(?=$|,| and\b| but\b)"),
}

_CLAUSE = "{clause}"
_EVENT = (
    Rule("event", "plans", rf"{_IM} {_NOW}(?:{SLOTS['going'].pattern}) <x:deed>", _CLAUSE, object=_CLAUSE, dated=True),
    Rule("event", "plans", rf"{_HAVE} (?:an?|my|our|the) <x:occasion>\b<y:tail>", _CLAUSE, object=_CLAUSE, dated=True, open=True),
    Rule("event", "plans", rf"{_MY} <x:occasion>(?: (?:to|with|at|in|for|from) {_TEXT}{{1,40}}?)? (?:is|starts|begins|takes place|will be) <y:rest>", _CLAUSE, object=_CLAUSE, dated=True),
    Rule("event", "did", rf"{_I} {_NOW}had (?:an?|my|our) <x:occasion>\b<y:tail>", _CLAUSE, object=_CLAUSE, dated=True, confidence=0.8, open=True),
    Rule("event", "did", rf"{_I} {_NOW}(?:{SLOTS['past'].pattern}) <x:deed>", _CLAUSE, object=_CLAUSE, dated=True, confidence=0.8),
    Rule("event", "plans", rf"(?:i'll|i will|we'll|we will) (?:be )?(?:{SLOTS['going'].pattern}|go|fly|travel|visit|move|start|leave|attend|turn) <x:deed>", _CLAUSE, object=_CLAUSE, dated=True, confidence=0.8),
)
SLOTS["tail"] = Slot(rf"{_TEXT}{{0,100}}?")

_TAIL = r"(?: (?:in|with) (?:your|any|all|the|future|our)? ?(?:answers?|repl(?:y|ies)|responses?|messages?|me|chats?|conversations?)| anymore| ever| again| please| when (?:you )?(?:talk|answer|reply|respond)\w*(?: to me)?)*"
_WANTS = "User wants the assistant to "
_PLEASE = r"(?:please,? |you (?:should|must) |i'd like you to |i want you to |i need you to |can you |could you )?"
_ORDER = (
    Rule("rule", "always", rf"{_PLEASE}(?:from now on,? |in (?:the )?future,? )?(?:please )?always <x:order>", _WANTS + "always {x}"),
    Rule("rule", "never", rf"{_PLEASE}(?:from now on,? |in (?:the )?future,? )?(?:please )?never <x:order>", "User wants the assistant never to {x}"),
    Rule("rule", "should", r"(?:please )?(?:from now on|in (?:the )?future|going forward|whenever we talk),? (?:please |i want you to )?(?:always )?<x:order>", _WANTS + "{x}"),
    Rule("rule", "should", rf"{_PLEASE}<x:order>,? (?:from now on|in (?:the )?future|going forward|at all times)", _WANTS + "{x}"),
    Rule("rule", "should_not", rf"(?:please )?(?:from now on,? |in (?:the )?future,? )?(?:don'?t|do not|stop|avoid|refrain from) (?:ever )?(?P<v>us(?:e|ing)|add(?:ing)?|includ(?:e|ing)|writ(?:e|ing)|put(?:ting)?) (?:any |so many |too many )?<x:style>{_TAIL}", "User wants the assistant not to use {x}"),
    Rule("rule", "should_not", rf"(?:please )?no (?:more )?<x:style>{_TAIL}(?=\s*$)", "User wants the assistant not to use {x}"),
    Rule("rule", "call_me", r"(?:please )?(?:you (?:can|may) )?(?:just )?call me <x:anyone>", "User wants to be called {x}"),
    Rule("rule", "call_me", r"(?:please )?(?:address me as|refer to me as) <x:anyone>", "User wants to be called {x}"),
    Rule("rule", "call_me", r"(?:everyone|everybody|people|(?:my )?friends) calls? me <x:name>", "User wants to be called {x}", confidence=0.8),
    Rule("rule", "call_me", r"{_I} go by <x:name>".replace("{_I}", _I), "User wants to be called {x}"),
    Rule("rule", "should", r"(?:please )?(?P<v>keep|make) your (?P<w>answers|replies|responses|explanations|messages) <x:rest>", _WANTS + "{v} its {w} {x}", object="{v} {w} {x}"),
    Rule("rule", "should", rf"(?:please )?(?:answer|reply|respond|talk|speak|write)(?: to)?(?: me)? in (?P<x>{words.LANGUAGES})(?: only)?(?=\s*$)", _WANTS + "answer in {x}", object="answer in {x}", confidence=0.7),
    Rule("rule", "should", r"(?:please )?use (?P<x>metric units|the metric system|imperial units|celsius|fahrenheit|british english|american english|british spelling|american spelling|24-hour time|simple language|plain english)", _WANTS + "use {x}", object="use {x}", confidence=0.8),
)

ENGLISH = Language(
    code="en",
    words=word_set(
        "i i'm i've my the a an and is are am to of in it you your me we our have has do does "
        "don't not with for on at that this what where how who please can from be was but so or "
        "always never call all use hi hello prefer like love she he they his her live im ive dont "
        "cant know work btw just got too really"
    ),
    rules=compile_rules(_SELF + _LIFE + _TASTE + _SKILL + _PEOPLE + _EVENT + _ORDER, SLOTS, _END),
    joints=grammar.JOINTS,
    openers=grammar.OPENERS,
    question=grammar.QUESTION,
    doubt=grammar.DOUBT,
    fiction=grammar.FICTION,
    carries=grammar.CARRIES,
    tidied=grammar.TIDIED,
    reword=reword,
    retell=retell,
)
