"""How English sentences fall into clauses, and which of these state nothing."""
# ruff: noqa: E501, RUF001
# fmt: off

from __future__ import annotations

from memori_instrumentation.augmentation.local.rules import Carry, any_of, tidy

_OPENING = (
    r"i|i'?m|i've|i'd|i'll|my|we|we're|we've|our|he|she|they|it|"
    r"it's|you|your|what|what's|how|where|which|who|why|when|if|unless|whether|can|could|"
    r"would|should|do|does|did|is|are|am|will|please|there"
)
_SHARED = (
    r"(?:also |now |currently |recently |then |really )?(?:live|like|hate|enjoy|"
    r"(?:work|study|love|play|drive)(?= (?:to|in|at|as|for|from|my|our|the|an?|\w+ing|\w+s)\b)|"
    r"prefer|speak|own|have|moved|grew up|am|used to|teach|write|code|don't like|"
    r"can't stand|adore|dislike)\b"
)

# What stands between a conjunction and the clause that it joins: "but now I live in Rome".
_TURN = r"(?:(?:now|then|currently|actually|also|these days|nowadays|lately|recently),? )?"
# After a comma, what says nothing of what precedes it.
_ASIDE = (
    r"sadly|unfortunately|luckily|thankfully|fortunately|obviously|annoyingly|apparently|honestly|"
    r"actually|basically|seriously|clearly|weirdly|strangely|funnily|regrettably|frankly|proudly|"
    r"admittedly|literally|surprisingly|ironically|hopefully|tbh|imo|imho|ngl|fyi|btw|haha|hehe|"
    r"to be (?:honest|fair|clear)|by the way|in case|just|always (?:have|has|will|did)|though|"
    r"(?:believe|trust|ask) me|wish me|fingers crossed|thanks|thank|thx|pls|please|ok|okay|right|"
    r"no joke|for real|as (?:always|usual|you)|of course|after all|super|so excited|(?:very|so) "
    r"(?:happy|excited|nervous|proud)|bless|poor|yay|ugh|sorry|mind you|at (?:least|last)"
)
_VERBS_3 = (
    r"lives|works|loves|likes|hates|has|is|plays|speaks|studies|moved|teaches|runs|owns|drives|"
    r"prefers|enjoys|grew up|was|turns|can't|doesn't"
)

JOINTS = any_of(
    r"\s*;\s*",
    r"\s+[–—-]{1,2}\s+",
    rf"(?<!^hello),\s+(?:(?:and|but|so|then|also|because|plus) )*(?={_TURN}(?:{_OPENING}|always|never|don't|call|keep|any)\b)",
    r",\s+(?:but )?(?=(?:the |my )?[a-z-]+(?: [a-z-]+)? (?:is|are|was|were)\b)",
    rf",?\s+(?:and|but|so|plus|though|although|because|then|and then|and also)\s+(?={_TURN}(?:{_OPENING})\b)",
    rf",\s+(?=(?:{_ASIDE})\b)",
)
CARRIES = (
    Carry(
        any_of(r"(?:hello, )?(i|we)\b"),
        any_of(rf",?\s+(?:and|but|and then)\s+(?={_SHARED})|,\s+then\s+(?={_SHARED})"),
    ),
    Carry(
        any_of(r"(?:hello, )?(i'm|i am|we're|we are)\b"),
        any_of(
            r"(?:,\s+(?:and |but )?|\s+(?:and|but)\s+)(?:also |now |currently |originally )?"
            r"(?=(?:from|an? [\w -]{0,30}(?:er|or|ist|ian|nurse|student)|living|based|working|"
            r"studying|learning|originally|allergic|married|single|retired|divorced|left-handed|"
            r"vegan|vegetarian|pregnant|diabetic|unemployed|self-employed|gay|engaged|divorced|widowed|deaf|dyslexic|autistic)\b)",
            r",\s+(?:and )?(?=[1-9]\d(?:$|,| and\b| years| yo\b))",
        ),
    ),
    Carry(any_of(r"(i|we) (?:was|were)\b"), any_of(r",?\s+(?:and|but)\s+(?=(?:raised|moved|grew)\b)")),
    Carry(
        any_of(r"((?:my|our) [\w-]+(?: (?-i:[A-Z])\w+)?)\b"),
        any_of(rf",?\s+(?:and|but)\s+(?=(?:{_VERBS_3})\b)", rf",?\s+(?:and|but)\s+(?={_SHARED})"),
    ),
)
TIDIED = tidy(
    (r"\bi'?m\b(?! ?=)", "I'm"),
    (r"\bive\b", "I've"),
    (r"\bdont\b", "don't"),
    (r" & ", " and "),
    (r"^been (?=(?:living|working|learning|using|playing|vegan|vegetarian|married)\b)", "I've been "),
    (r"\bcant\b", "can't"),
    (r"\bdidnt\b", "didn't"),
    (r"\b(?:my|his|her) (\w+)s name\b", r"my \1's name"),
    (r"\ball?erg[ei]c\b|\ballerigc\b", "allergic"),
    (r"\bveg(?:i|e)?tarian\b", "vegetarian"),
    (r"\bfav(?:e|ou?rit|rite|orit|)\b", "favorite"),
    (r"\bu\b", "you"),
    (r"^(?=(?:just|finally|recently) (?:moved|got|started|adopted|bought|turned|became|quit|graduated)\b)", "I "),
    (r"^(?=(?:allergic to|originally from|based in)\b)", "I'm "),
    (r"\b(my|our) (\w+)'s (?=an?\b)", r"\1 \2 is "),
)
OPENERS = any_of(
    r"(?:(?:and|but|so|also|well|oh|ok|okay|yes|yeah|yep|no|nope|sure|btw|by the way|fyi|for the "
    r"record|just so you know|(?:please )?(?:note|remember|keep in mind)(?: that)?|actually|"
    r"in fact|honestly|personally|to be honest|currently|now|then|right now|these days|nowadays|lately|thanks|hey|hi|in case you wonder|"
    r"thank you|anyway|plus|hello|sorry|one more thing|correction|update|in general|generally|"
    r"normally|for context|some context|background|as an? fyi|great|cool|nice|haha|hmm|"
    r"this (?:year|summer|winter|spring|autumn|fall|week|weekend|month))[,:!]? +)+"
)
QUESTION = any_of(
    r"(?:what|where|when|which|who|whom|whose|why|how|does|did|is|are|am|was|were|can|could|would|"
    r"will|should|shall|isn't|aren't|won't|has|tell me|explain|show me|"
    r"do(?! not\b)|have (?:you|i|we))(?:'s|'re)?\b(?!(?: you)? (?:please )?(?:always|never|call me)\b)"
)
DOUBT = any_of(
    r"\b(?:if|unless|whether|would|wouldn't|could|couldn't|might|maybe|perhaps|suppose|"
    r"assume|assuming|imagine|hypothetically|supposedly|as though|for example|for instance|e\.g|"
    r"say i|kidding|joking|lol|i'd|we'd|(?:i|we) may)\b(?! you to\b| like you to\b)",
    r"\b(?:i|we)(?: also| just| really| still)? (?:hope|wish|dream|dreamed|dreamt|wonder|think|"
    r"guess|believe|feel like|thought|doubt|forgot|want to)\b",
    r"\b(?:not sure|unsure|not certain|in (?:the|this|my|a|our) (?:game|story|novel|book|dream|movie|film|exercise))\b",
    r"^(?:when|while|once|until|before|after|although)\b",
    r"\b(?:he|she|they|who|people|someone|somebody|everyone|it|bot|ai|model) "
    r"(?:said|says|told|claims?|claimed|thinks?|asked|asks|wrote|writes|always says)\b",
    r"\bas an ai\b",
)
FICTION = any_of(
    r"\b(?:pretend|tl;?dr|role-?play(?:ing)?|(?<!can )(?<!only )(?<!could )imagine|act (?:as|like)|you are now|let's (?:play|say|"
    r"pretend|imagine|assume)|suppose|hypothetical|in the (?:voice|style|role|persona) of|from the "
    r"(?:perspective|point of view) of|play the role|first[- ]person|once upon a time|"
    r"in this (?:scenario|story|game|exercise)|example (?:sentence|text|dialogue))\b",
    r"(?:^|[,.!?;:] |\b(?:please|can you|could you|would you|help me|you to|and|then|now) )"
    r"(?:write|draft|compose|generate|create|make up|tell) (?:me |us )?(?:an?|the|some|my|this|"
    r"two|three|\d+)\b",
    r"\b(?:translate|summari[sz]e|proofread|paraphrase|rephrase|rewrite|reword|classify|analy[sz]e|"
    r"annotate|extract|transcribe|complete|continue|correct)\b[^.!?]{0,60}?(?::|\b(?:this|these|the "
    r"following|the text|below|above|the sentences?|it|that|to \w+)\b)",
    r"\b(?:fix|check|improve|edit|review) [^.!?]{0,40}?\b(?:grammar|spelling|punctuation|wording)\b",
    r"\b(?:the following|see below|text|passage|transcript|lyrics|quote|article|excerpt|prompt|"
    r"input|output|example) ?:|\bexample -",
    # Records and what tools print.
    r"^\[[\w ]{1,30}\]|^\w+_\w+ ?[:=]|^(?:system|assistant|user|tool|function|result|response|log|stdout|context|document|source|bio|profile|persona) ?:",
    r"\bhere'?s? (?:is |are )?(?:the|an?|my|some) (?:text|article|email|essay|story|letter|"
    r"transcript|draft|log|output|excerpt|passage|poem|bio|chat|conversation)\b",
    r"^you are an?\b",
    r"\bis (?:this|that|the) (?:sentence|phrase|text|paragraph) (?:correct|right|ok|grammatical)",
)
