"""Word lists of the English rules: what a pattern alone says badly."""
# ruff: noqa: E501

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import word_set

# Things that say nothing by themselves, or are about the conversation.
VAGUE = word_set(
    """i i'm i've we we're me us myself it this that these those them they you your yours him her he she one ones some something
    anything everything nothing stuff things thing someone anyone everyone so both either neither
    how what when where which who why if whether here there"""
)
ABOUT_THE_TALK = word_set(
    """idea option answer answers answering way approach suggestion suggestions version response
    reply explanation sound look part point draft first second third last latter former result
    results output format style tone wording phrasing text article paragraph sentence title code
    function bug error message question prompt essay email summary plan one ones feeling rest number
    chat chats conversation conversations talks"""
)
# What "the" is said of without pointing at anything mentioned.
THE_ONLY = word_set(
    """ocean sea mountains beach outdoors countryside forest woods snow rain cold heat opera theatre
    theater cinema movies gym smell taste internet moon stars sun
    piano guitar violin drums cello flute saxophone trumpet harp news stage city desert"""
)
PLACE_NOT = word_set(
    """fear peace hope denial harmony pain constant total interesting simulation bubble moment
    past present future world hell heaven luxury poverty dream bed sin my your his her their a_lie
    hurry shadow style reality misery chaos terms scratch next previous following step home-page"""
)
# Nobody lives in or moves house to these, though one "moves to" them.
NO_PLACE = word_set(
    """laptop phone computer machine server cloud terminal browser version file folder directory
    database framework library model tool app account plan step level stage tab column row line
    section branch editor keyboard python javascript java rust linux windows mac macos"""
)
JOB_NOT = word_set(
    """beginner newcomer stranger user member loner believer owner lover father mother brother
    sister daughter newbie number bother winner loser killer liar outsider reader listener learner
    customer subscriber follower sucker foreigner human fan morning bit little lot fast slow quick
    better computer character paper disaster matter monster dreamer talker eater sleeper thinker
    speaker smoker drinker early non-native native survivor supporter visitor starter minor"""
)
JOB = word_set(
    """nurse chef cook doctor teacher student lawyer engineer dentist pharmacist pilot architect
    accountant scientist analyst consultant journalist artist musician designer developer manager
    researcher professor lecturer writer author editor photographer programmer plumber electrician
    mechanic carpenter farmer firefighter paramedic veterinarian vet psychologist therapist surgeon
    physician midwife librarian translator interpreter actor actress dancer singer waiter waitress
    bartender barista cashier driver courier cleaner secretary receptionist assistant intern
    freelancer entrepreneur founder ceo cto cfo coo director executive officer soldier policeman
    policewoman detective judge politician priest pastor monk nun coach trainer tutor principal
    mathematician physicist chemist biologist economist historian philosopher linguist astronomer
    geologist statistician actuary banker trader broker investor realtor salesperson salesman
    saleswoman marketer recruiter administrator technician operator welder builder contractor
    landscaper gardener florist baker butcher tailor hairdresser barber nanny babysitter caregiver
    janitor guard sailor fisherman retiree pensioner undergraduate postdoc phd apprentice trainee
    sysadmin devops sre tester blogger youtuber streamer podcaster housewife househusband homemaker
    auditor optometrist radiologist cardiologist neurologist oncologist pediatrician
    paediatrician anaesthetist anesthesiologist dermatologist dietitian nutritionist
    physiotherapist chiropractor osteopath paralegal solicitor barrister notary diplomat
    ambassador curator archivist animator illustrator sculptor painter potter jeweller
    composer conductor producer filmmaker screenwriter copywriter novelist poet playwright
    comedian magician stuntman athlete footballer cyclist swimmer boxer referee umpire beekeeper
    winemaker brewer sommelier"""
)
NATIONALITY = re.compile(
    r"(?:\w+(?:ese|nian|rian|lian|sian|gian|dian|tian|bian|cian|vian|mian)|american|mexican|"
    r"african|german|korean|chilean|cuban|moroccan|kenyan|nigerian|ghanaian|french|english|british|"
    r"irish|scottish|welsh|dutch|spanish|danish|swedish|finnish|polish|turkish|czech|greek|swiss|"
    r"thai|filipino|israeli|iraqi|pakistani|bangladeshi|kuwaiti|saudi|afghan|icelandic|slovak)"
    r"(?:[- ]\w+(?:ese|ian|ican|ish|rean|rman))?",
    re.IGNORECASE,
)
LANGUAGES = (
    "english|spanish|french|german|italian|portuguese|dutch|swedish|norwegian|danish|finnish|"
    "icelandic|polish|czech|slovak|hungarian|romanian|bulgarian|serbian|croatian|slovenian|"
    "greek|turkish|russian|ukrainian|arabic|hebrew|persian|farsi|hindi|urdu|bengali|punjabi|tamil|"
    "telugu|marathi|gujarati|kannada|malayalam|nepali|sinhala|thai|vietnamese|indonesian|malay|"
    "tagalog|filipino|mandarin|cantonese|chinese|japanese|korean|swahili|amharic|yoruba|igbo|hausa|"
    "zulu|afrikaans|catalan|basque|galician|irish|welsh|latin|esperanto|asl|sign language"
)
TOOLS = (
    r"python|java|javascript|typescript|rust|go|golang|c\+\+|c#|c|ruby|php|swift|kotlin|scala|"
    r"haskell|elixir|erlang|clojure|ocaml|perl|lua|r|julia|matlab|sql|bash|html|css|cobol|fortran|"
    r"assembly|zig|dart|f#|\.net|react|angular|vue|django|flask|rails|spring|node(?:\.js)?|docker|"
    r"kubernetes|terraform|ansible|aws|azure|gcp|linux|git|postgres(?:ql)?|mysql|mongodb|redis|"
    r"kafka|spark|pandas|numpy|pytorch|tensorflow|excel|photoshop|illustrator|figma|blender|"
    r"autocad|unity|unreal|latex|tableau|power bi"
)
INSTRUMENTS = (
    "guitar|piano|violin|viola|cello|bass|double bass|drums|flute|clarinet|saxophone|sax|trumpet|"
    "trombone|tuba|oboe|bassoon|harp|ukulele|banjo|mandolin|accordion|harmonica|organ|keyboard|"
    "keyboards|recorder|sitar|tabla|french horn"
)
GAMES = (
    "chess|poker|tennis|football|soccer|basketball|volleyball|rugby|cricket|golf|badminton|squash|"
    "table tennis|hockey|ice hockey|handball|baseball|softball|lacrosse|padel|bridge|go|dnd|d&d|"
    "dungeons (?:and|&) dragons|water polo|ultimate frisbee"
)
PETS = (
    "dogs?|cats?|pupp(?:y|ies)|kittens?|parrots?|hamsters?|guinea pigs?|rabbits?|bunn(?:y|ies)|"
    "goldfish|fish|turtles?|tortoises?|snakes?|lizards?|geckos?|horses?|pon(?:y|ies)|birds?|"
    "canar(?:y|ies)|budgies?|ferrets?|chickens|hens|goats?|cows?|sheep|donkeys?|bees|"
    "labradors?|retrievers?|poodles?|beagles?|corgis?|dachshunds?|huskies|husky|german shepherds?"
)
POSSESSIONS = (
    "car|bike|bicycle|motorbike|motorcycle|scooter|van|truck|boat|house|home|apartment|flat|cabin|"
    "cottage|garden|farm|greenhouse|piano|guitar|violin|telescope|3d printer|tesla|camper|"
    "campervan|startup|business|company|restaurant|bakery|shop|store|blog|podcast|youtube channel"
)
BUSINESSES = (
    "bakery|restaurant|caf[ée]|shop|store|business|company|startup|agency|studio|farm|hotel|bar|pub|"
    "salon|gym|clinic|practice|blog|podcast|newsletter|youtube channel|nonprofit|non-profit|charity|"
    "school|food truck|brewery|vineyard|bookstore|bookshop|gallery"
)
CHILDREN = "kids?|child(?:ren)?|sons?|daughters?|twins|brothers?|sisters?|siblings?|grandchildren|grandkids|grandsons?|granddaughters?"
RELATION = (
    r"(?:(?:older|elder|younger|little|big|twin|half|step|best|close|oldest|eldest|youngest|new|"
    r"former|late|middle) ?)?"
    r"(?:step|grand|great-grand)?-?(?:sister|brother|mother|mom|mum|mama|mother-in-law|father|dad|"
    r"papa|father-in-law|sister-in-law|brother-in-law|parents|wife|husband|spouse|partner|"
    r"girlfriend|boyfriend|fianc[ée]e?|son|daughter|kid|child|baby|ma|pa|uncle|aunt|auntie|cousin|"
    r"nephew|niece|friend|bestie|boss|manager|supervisor|colleague|coworker|co-worker|teammate|"
    r"roommate|flatmate|housemate|neighbou?r|teacher|professor|advisor|adviser|therapist|doctor|"
    r"landlord|landlady|mentor|coach|assistant|client|co-founder|cofounder|business partner|"
    r"ex-wife|ex-husband|ex|godmother|godfather|godson|goddaughter)"
)
CONDITIONS = (
    r"(?:type (?:1|2|i|ii|one|two) )?diabetes|asthma|adhd|add|autism|celiac disease|coeliac disease|"
    r"celiac|coeliac|dyslexia|epilepsy|migraines|chronic \w+(?: \w+)?|high blood pressure|"
    r"hypertension|arthritis|ibs|crohn's(?: disease)?|anxiety|depression|insomnia|tinnitus|"
    r"hay fever|eczema|psoriasis|a pacemaker|lupus|multiple sclerosis|parkinson's|"
    r"(?:a |an )?\w+ (?:allergy|intolerance)|lactose intolerance|sleep apnea|endometriosis|"
    r"hypothyroidism|color blindness|colour blindness"
)
DIETS = (
    r"(?:(?:a|an) )?(?:strict |mostly |lifelong )?(?:vegan|vegetarian|pescatarian|pescetarian|"
    r"flexitarian|lactose[- ]intolerant|gluten[- ]intolerant|gluten[- ]free|kosher|halal|keto|"
    r"celiac|coeliac|teetotal(?:er)?|omnivore|raw vegan)"
)
STYLE = (
    r"emojis?|emoticons|bullet points?|bullets|bullet lists|markdown|headings|headers|tables|"
    r"jargon|slang|exclamation (?:marks|points)|abbreviations|acronyms|em[- ]dashes|profanity|"
    r"swear words|curse words|clich[ée]s|filler(?: words)?|buzzwords|hashtags|passive voice|"
    r"long sentences|big words|technical terms|latex|code comments|small talk|sarcasm|disclaimers|"
    r"apologies|apologising|apologizing|flattery|imperial units|metric units"
)
_MONTHS = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sep|sept|oct|nov|dec)[a-z]*"
WHEN = (
    r"(?:(?:back |just |earlier |sometime |around |about |like )?(?:(?:the )?(?:last|this|next) [a-z]+|yesterday|today|tomorrow|"
    r"recently|(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|several|a few|a couple of|some) "
    rf"(?:days?|weeks?|months?|years?) ago|in (?:the )?(?:{_MONTHS}(?: \d{{4}})?|(?:19|20)\d\d|spring|summer|autumn|fall|winter)|"
    rf"on (?:the )?(?:{_MONTHS} \d{{1,2}}\w*|\d{{1,2}}\w* (?:of )?{_MONTHS}|[a-z]+day))(?: (?:{_MONTHS}|(?:19|20)\d\d))?)"
)
YEARS = (
    r"(?:(?:about|over|almost|nearly|around|more than|just over|just under|roughly) )?"
    r"(?:\d{1,2}\+?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|"
    r"twenty|thirty|forty|several|many|a few|a couple of) (?:years?|months?|decades?)"
)
