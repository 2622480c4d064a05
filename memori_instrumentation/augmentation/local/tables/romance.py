"""French, Spanish, Italian and Portuguese: the commonest statements. One rule a line."""
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

_FR_SLOTS = LATIN_SLOTS | animals(
    "une?|deux|trois|quatre|cinq",
    "chiens?|chiennes?|chiots?|chats?|chattes?|chatons?|lapins?|hamsters?|perroquets?|oiseaux?|chevaux|cheval|tortues?|poules?|poissons?|furets?|cochons? d'inde",
    "enfants?|fils|filles?|frères?|sœurs?|soeurs?|jumeaux|petits-enfants",
)
_FR = (
    # "J'" is "je" by now.
    Rule("fact", "studies", r"je (?:suis étudiante? en|étudie) <x:thing>", "L'utilisateur étudie {x}"),
    *household("je ai|nous avons|on a", "qui s'appelle(?:nt)?|nommée?s?|appelée?s?|du nom de|s'appelle", "mon|ma|notre", "L'utilisateur a", "un animal"),
    Rule("attribute", "name", r"(?:je m'appelle|mon (?:nom|prénom) est|moi c'est) <x:name>", "L'utilisateur s'appelle {x}"),
    Rule("attribute", "age", r"je ai <x:age> ans", "L'utilisateur a {x} ans"),
    Rule("attribute", "from", r"je (?:viens|suis originaire) (?P<d>de |du |des |d')<x:place>", "L'utilisateur vient {d}{x}"),
    Rule("attribute", "allergic_to", r"je suis allergique (?P<a>à l'|à la |au |aux |à )<x:thing>", "L'utilisateur est allergique {a}{x}"),
    Rule("attribute", "diet", r"je suis (?P<x>végétarien(?:ne)?|végan(?:e)?|vegan|végétalien(?:ne)?|intolérante? au (?:lactose|gluten))", "L'utilisateur est {x}"),
    Rule("fact", "lives_in", r"je (?:habite|vis|réside) (?P<p>à |en |au |aux |dans |près de )<x:place>", "L'utilisateur habite {p}{x}"),
    Rule("fact", "moved_to", r"je ai (?:déménagé|emménagé) (?P<p>à |en |au |aux )<x:place>", "L'utilisateur a déménagé {p}{x}"),
    Rule("fact", "job", r"je travaille (?:{t}{0,40}? )?comme <x:thing>".replace("{t}", "[^,;:!?]"), "L'utilisateur travaille comme {x}"),
    Rule("fact", "works_at", r"je (?:travaille|bosse) (?P<p>chez |à |au |pour )<x:place>(?: (?:comme|en tant que) [^,;:!?]{1,40}?)?", "L'utilisateur travaille {p}{x}"),
    Rule("fact", "job", r"je suis (?P<x>(?:médecin|infirmi(?:er|ère)|avocate?|ingénieure?|enseignante?|professeure?|étudiante?|journaliste|architecte|comptable|boulang(?:er|ère)|cuisini(?:er|ère)|développeu(?:r|se)|retraitée?|artiste|musicien(?:ne)?|pharmacien(?:ne)?|dentiste|graphiste|traducteur|traductrice)(?: [^,;:!?]{1,40}?)?)", "L'utilisateur est {x}"),
    Rule("preference", "loves", r"je adore <x:thing>", "L'utilisateur adore {x}"),
    Rule("preference", "likes", r"je aime (?:bien |beaucoup )?<x:thing>", "L'utilisateur aime {x}"),
    Rule("preference", "dislikes", r"je n'aime pas <x:thing>", "L'utilisateur n'aime pas {x}"),
    Rule("preference", "hates", r"je déteste <x:thing>", "L'utilisateur déteste {x}"),
    Rule("preference", "prefers", r"je préfère <x:thing>", "L'utilisateur préfère {x}"),
    Rule("skill", "speaks", r"je parle (?:couramment )?(?P<x>anglais|français|espagnol|allemand|italien|portugais|arabe|chinois|japonais|russe|néerlandais)(?: couramment)?", "L'utilisateur parle {x}"),
    Rule("rule", "always", r"(?:s'il (?:te|vous) pla[iî]t,? )?(?:réponds|répondez)(?:-moi)? toujours <x:rest>", "L'utilisateur veut que l'assistant réponde toujours {x}"),
    Rule("rule", "call_me", r"(?:appelle|appelez)-moi <x:name>", "L'utilisateur veut être appelé {x}"),
)
FRENCH = Language(
    code="fr",
    words=word_set(
        "je j'ai j'habite j'aime j'adore m'appelle le la les des du de un une est suis et à au "
        "aux en mon ma mes ce que qui pas ne pour dans avec vous tu moi c'est n'aime si sur ton "
        "votre ai d'un"
    ),
    rules=compile_rules(_FR, _FR_SLOTS, latin_end("parce que|car|mais|depuis|avec|qui|et que|maintenant|actuellement|merci")),
    joints=latin_joints("et|mais|donc|car|alors", r"je|j'|mon|ma|mes|nous|moi|quel|quelle|que|comment|où|peux|pouvez|est-ce|qu'"),
    openers=any_of(r"(?:(?:bonjour|salut|coucou|oui|non|alors|et|mais|au fait|d'ailleurs|en fait|actuellement|merci|hello)[,!:]? +)+"),
    question=any_of(r"(?:est-ce|qu'|que |quel|quelle|comment|où|quand|pourquoi|combien|qui |peux-tu|pouvez-vous|sais-tu|savez-vous|ai-je|suis-je|dois-je)"),
    doubt=any_of(r"\b(?:si|peut-être|supposons|imaginons|voudrais|aimerais|pourrais|serais|aurais|je crois|je pense|j'espère)\b", r"\bs'il (?:dit|disait)\b", r"\b(?:il|elle) (?:dit|a dit)\b", r"^(?:quand|lorsque)\b"),
    fiction=any_of(r"\b(?:tradui(?:s|re|sez)|résume[rz]?|corrige[rz]?|reformule[rz]?|imagine[rz]?|fais comme si|faites comme si|jouons|jeu de rôle|écri(?:s|vez)|rédige[rz]?|texte suivant|phrase suivante)\b"),
    carries=carried("je|nous", "et|mais", "habite|vis|travaille|aime|adore|déteste|préfère|parle|suis|ai|viens|étudie|n'aime|avons"),
    tidied=tidy((r"\bj'", "je ")),
)

_ES_SLOTS = LATIN_SLOTS | animals(
    "una?|dos|tres|cuatro|cinco",
    "perr[oa]s?|perrit[oa]s?|gat[oa]s?|gatit[oa]s?|cachorr[oa]s?|conej[oa]s?|hámsters?|loros?|pájaros?|caballos?|yeguas?|tortugas?|gallinas?|peces|hurón",
    "hij[oa]s?|niñ[oa]s?|herman[oa]s?|niet[oa]s?|gemel[oa]s|mellizos",
)
_ES = (
    Rule("fact", "studies", r"(?:yo )?estudio <x:thing>", "El usuario estudia {x}"),
    *household("(?:yo )?tengo|(?:nosotros )?tenemos", "que se llaman?|llamad[oa]s?|de nombre|se llama", "mi|nuestr[oa]", "El usuario tiene", "una mascota"),
    Rule("attribute", "name", r"(?:me llamo|mi nombre es) <x:name>", "El usuario se llama {x}"),
    Rule("attribute", "age", r"(?:yo )?tengo <x:age> años", "El usuario tiene {x} años"),
    Rule("attribute", "from", r"(?:yo )?(?:soy|vengo) (?:originari[oa] )?de <x:capital>", "El usuario es de {x}"),
    Rule("attribute", "allergic_to", r"(?:yo )?(?:soy alérgic[oa]|tengo alergia) (?P<a>al |a los |a las |a la |a )<x:thing>", "El usuario es alérgico {a}{x}"),
    Rule("attribute", "diet", r"(?:yo )?soy (?P<x>vegetarian[oa]|vegan[oa]|celíac[oa]|intolerante (?:a la lactosa|al gluten))", "El usuario es {x}"),
    Rule("fact", "lives_in", r"(?:yo )?(?:ahora )?vivo (?P<p>en |cerca de )<x:place>", "El usuario vive {p}{x}"),
    Rule("fact", "moved_to", r"me (?:he mudado|mudé) a <x:place>", "El usuario se mudó a {x}"),
    Rule("fact", "job", r"(?:yo )?trabajo (?:[^,;:!?]{0,40}? como|de|como) <x:thing>", "El usuario trabaja como {x}"),
    Rule("fact", "works_at", r"(?:yo )?trabajo (?P<p>en |para )<x:place>(?: como [^,;:!?]{1,40}?)?", "El usuario trabaja {p}{x}"),
    Rule("fact", "job", r"(?:yo )?soy (?P<x>(?:médic[oa]|enfermer[oa]|abogad[oa]|ingenier[oa]|profesora?|maestr[oa]|estudiante|periodista|arquitect[oa]|contador|contadora|cociner[oa]|programadora?|desarrolladora?|jubilad[oa]|artista|músic[oa]|farmacéutic[oa]|dentista|diseñadora?|traductora?|psicólog[oa])(?: [^,;:!?]{1,40}?)?)", "El usuario es {x}"),
    Rule("preference", "loves", r"(?:a mí )?me encantan? <x:thing>", "Al usuario le encanta {x}"),
    Rule("preference", "likes", r"(?:a mí )?me gustan? (?:mucho )?<x:thing>", "Al usuario le gusta {x}"),
    Rule("preference", "dislikes", r"(?:a mí )?no me gustan? (?:nada )?<x:thing>", "Al usuario no le gusta {x}"),
    Rule("preference", "hates", r"(?:yo )?odio <x:thing>", "El usuario odia {x}"),
    Rule("preference", "prefers", r"(?:yo )?prefiero <x:thing>", "El usuario prefiere {x}"),
    Rule("skill", "speaks", r"(?:yo )?hablo (?P<x>inglés|español|francés|alemán|italiano|portugués|árabe|chino|japonés|ruso|catalán)", "El usuario habla {x}"),
    Rule("rule", "always", r"(?:por favor,? )?(?:responde|respóndeme|contesta|contéstame) siempre <x:rest>", "El usuario quiere que el asistente responda siempre {x}"),
    Rule("rule", "call_me", r"llámame <x:name>", "El usuario quiere que lo llamen {x}"),
)
SPANISH = Language(
    code="es",
    words=word_set(
        "tenemos dos yo me mi mis el los las un una es soy y en de del que no para con por tengo vivo trabajo "
        "llamo gusta gustan la al a como estoy tu su si qué dónde cómo odio"
    ),
    rules=compile_rules(_ES, _ES_SLOTS, latin_end("porque|pero|desde|con mi|que|donde|ahora|actualmente|gracias")),
    joints=latin_joints("y|pero|así que|entonces|porque", r"(?:ahora |actualmente )?(?:yo|me|mi|mis|vivo|trabajo|soy|tengo|tenemos|estudio|hablo|odio|prefiero|él|ella)\b|qué|cómo|dónde|puedes|cuál|no me|nosotros"),
    openers=any_of(r"(?:(?:hola|buenas|buenos días|sí|no,|bueno|pues|y|pero|por cierto|en realidad|actualmente|ahora|gracias|hello)[,!:]? +)+"),
    question=any_of(r"(?:¿|qué|dónde|cómo|cuándo|cuál|quién|por qué|puedes|podrías|sabes)"),
    doubt=any_of(r"\b(?:si|quizás|quizá|tal vez|supongamos|imagina|quisiera|gustaría|podría|sería|creo|pienso|espero|ojalá)\b", r"\b(?:él|ella) (?:dice|dijo)\b", r"\bdijo que\b", r"^cuando\b"),
    fiction=any_of(r"\b(?:traduce|traducir|traduzca|resume|corrige|reformula|imagina|finge|haz como si|juego de rol|escribe|redacta|siguiente texto|siguiente frase)\b"),
)

_IT_SLOTS = LATIN_SLOTS | animals(
    "una?|uno|un'|due|tre|quattro|cinque",
    "can[ei]|cagnolin[oai]|cagn(?:a|etta|olino)|gatt[oaie]|gattin[oaie]|cuccioli?|conigli[o]?|cricet[oi]|pappagall[oi]|uccell[oi]|cavall[oiae]|tartarug(?:a|he)|gallin[ae]|pesci",
    "figli[oae]?|bambin[oaie]|fratell[oi]|sorell[ae]|nipot[ei]|gemell[ie]",
)
_IT = (
    Rule("fact", "studies", r"(?:io )?studio <x:thing>", "L'utente studia {x}"),
    *household("(?:io )?ho|(?:noi )?abbiamo", "di nome|che si chiama(?:no)?|chiamat[oa]|si chiama", "(?:il |la )?(?:mi[oa]|nostr[oa])", "L'utente ha", "un animale"),
    Rule("attribute", "name", r"(?:mi chiamo|il mio nome è) <x:name>", "L'utente si chiama {x}"),
    Rule("attribute", "age", r"(?:io )?ho <x:age> anni", "L'utente ha {x} anni"),
    Rule("attribute", "from", r"(?:io )?(?:vengo|sono originari[oa]) (?P<d>da |dal |dalla |dall'|di )<x:place>", "L'utente viene {d}{x}"),
    Rule("attribute", "allergic_to", r"(?:io )?sono allergic[oa] (?P<a>al |alla |allo |ai |agli |alle |all'|a )<x:thing>", "L'utente è allergico {a}{x}"),
    Rule("attribute", "diet", r"(?:io )?sono (?P<x>vegetarian[oa]|vegan[oa]|celiac[oa]|intollerante (?:al lattosio|al glutine))", "L'utente è {x}"),
    Rule("fact", "lives_in", r"(?:io )?(?:ora )?(?:vivo|abito) (?P<p>a |in |ad |vicino a |nel |nella )<x:place>", "L'utente vive {p}{x}"),
    Rule("fact", "moved_to", r"mi sono trasferit[oa] (?P<p>a |in )<x:place>", "L'utente si è trasferito {p}{x}"),
    Rule("fact", "job", r"(?:io )?lavoro (?:[^,;:!?]{0,40}? )?come <x:thing>", "L'utente lavora come {x}"),
    Rule("fact", "works_at", r"(?:io )?lavoro (?P<p>a |in |per |presso |alla |al |nel |nella )<x:place>(?: come [^,;:!?]{1,40}?)?", "L'utente lavora {p}{x}"),
    Rule("fact", "job", r"(?:io )?sono (?:un |una |un')(?P<x>(?:medico|infermier[ea]|avvocat[oa]|ingegnere|insegnante|professor(?:e|essa)|student(?:e|essa)|giornalista|architett[oa]|contabile|cuoc[oa]|programmat(?:ore|rice)|sviluppat(?:ore|rice)|pensionat[oa]|artista|musicista|farmacista|dentista|traduttore|traduttrice)(?: [^,;:!?]{1,40}?)?)", "L'utente è {x}"),
    Rule("preference", "loves", r"(?:io )?(?:amo|adoro) <x:thing>", "L'utente adora {x}"),
    Rule("preference", "likes", r"(?:a me )?mi piac(?:e|ciono) (?:molto |tanto )?<x:thing>", "All'utente piace {x}"),
    Rule("preference", "dislikes", r"non mi piac(?:e|ciono) <x:thing>", "All'utente non piace {x}"),
    Rule("preference", "hates", r"(?:io )?(?:odio|detesto) <x:thing>", "L'utente odia {x}"),
    Rule("preference", "prefers", r"(?:io )?preferisco <x:thing>", "L'utente preferisce {x}"),
    Rule("skill", "speaks", r"(?:io )?parlo (?:l'|il |lo )?(?P<x>inglese|italiano|francese|tedesco|spagnolo|portoghese|arabo|cinese|giapponese|russo)", "L'utente parla {x}"),
    Rule("rule", "always", r"(?:per favore,? )?(?:rispondi|rispondimi) sempre <x:rest>", "L'utente vuole che l'assistente risponda sempre {x}"),
    Rule("rule", "call_me", r"chiamami <x:name>", "L'utente vuole essere chiamato {x}"),
)
ITALIAN = Language(
    code="it",
    words=word_set(
        "io mi mio mia il lo gli le un una è sono e di che non per con ho vivo abito lavoro "
        "chiamo piace piacciono la a al alla in questo questa puoi come dove se allergica "
        "allergico preferisco"
    ),
    rules=compile_rules(_IT, _IT_SLOTS, latin_end("perché|ma|da|con|che|dove|ora|adesso|attualmente|grazie")),
    joints=latin_joints("e|ma|quindi|perché", r"(?:ora |adesso )?(?:io|mi|mio|mia|vivo|abito|lavoro|sono|ho|abbiamo|studio|parlo|odio|adoro|amo|preferisco|lui|lei)\b|cosa|come|dove|puoi|quale|non mi|noi"),
    openers=any_of(r"(?:(?:ciao|salve|buongiorno|sì|no,|beh|allora|e|ma|comunque|in realtà|attualmente|ora|grazie|hello)[,!:]? +)+"),
    question=any_of(r"(?:cosa|che cosa|dove|come|quando|quale|chi|perché|puoi|potresti|sai|mi sai)"),
    doubt=any_of(r"\b(?:se|forse|supponiamo|immagina|vorrei|potrei|sarei|avrei|credo|penso|spero|magari)\b", r"\b(?:lui|lei) (?:dice|ha detto)\b", r"^quando\b"),
    fiction=any_of(r"\b(?:traduci|tradurre|riassumi|correggi|riformula|immagina|fai finta|gioco di ruolo|scrivi|seguente testo|testo seguente)\b"),
)

_PT_SLOTS = LATIN_SLOTS | animals(
    "um|uma|dois|duas|três|quatro|cinco",
    "cachorr[oa]s?|cã(?:o|es)|cachorrinh[oa]s?|cadelas?|gat[oa]s?|gatinh[oa]s?|coelh[oa]s?|hamsters?|papagaios?|pássaros?|cavalos?|tartarugas?|galinhas?|peixes?",
    "filh[oa]s?|crianças?|irmãos?|irmãs?|irmão|net[oa]s?|gême[oa]s",
)
_PT = (
    Rule("fact", "studies", r"(?:eu )?estudo <x:thing>", "O usuário estuda {x}"),
    *household("(?:eu )?tenho|(?:nós )?temos|a gente tem", "chamad[oa]s?|que se chamam?|de nome|se chama", "(?:o |a )?(?:meu|minha|noss[oa])", "O usuário tem", "um animal"),
    Rule("attribute", "name", r"(?:eu )?(?:me chamo|chamo-me|(?:o )?meu nome é) <x:name>", "O usuário se chama {x}"),
    Rule("attribute", "age", r"(?:eu )?tenho <x:age> anos", "O usuário tem {x} anos"),
    Rule("attribute", "from", r"(?:eu )?(?:sou|venho) (?P<d>de |do |da )<x:capital>", "O usuário é {d}{x}"),
    Rule("attribute", "allergic_to", r"(?:eu )?(?:sou alérgic[oa]|tenho alergia) (?P<a>a |ao |à |aos |às )<x:thing>", "O usuário é alérgico {a}{x}"),
    Rule("attribute", "diet", r"(?:eu )?sou (?P<x>vegetarian[oa]|vegan[oa]|celíac[oa]|intolerante (?:à lactose|ao glúten))", "O usuário é {x}"),
    Rule("fact", "lives_in", r"(?:eu )?(?:agora )?(?:moro|vivo) (?P<p>em |no |na |nos |perto de )<x:place>", "O usuário mora {p}{x}"),
    Rule("fact", "moved_to", r"(?:eu )?(?:me mudei|mudei-me) para <x:place>", "O usuário se mudou para {x}"),
    Rule("fact", "job", r"(?:eu )?trabalho (?:[^,;:!?]{0,40}? )?como <x:thing>", "O usuário trabalha como {x}"),
    Rule("fact", "works_at", r"(?:eu )?trabalho (?P<p>em |na |no |para |com )<x:place>(?: como [^,;:!?]{1,40}?)?", "O usuário trabalha {p}{x}"),
    Rule("fact", "job", r"(?:eu )?sou (?P<x>(?:médic[oa]|enfermeir[oa]|advogad[oa]|engenheir[oa]|professora?|estudante|jornalista|arquitet[oa]|contadora?|cozinheir[oa]|programadora?|desenvolvedora?|aposentad[oa]|artista|músic[oa]|farmacêutic[oa]|dentista|tradutora?|psicólog[oa])(?: [^,;:!?]{1,40}?)?)", "O usuário é {x}"),
    Rule("preference", "loves", r"(?:eu )?(?:adoro|amo) <x:thing>", "O usuário adora {x}"),
    Rule("preference", "likes", r"(?:eu )?gosto (?:muito )?(?P<d>de |do |da |dos |das )<x:thing>", "O usuário gosta {d}{x}"),
    Rule("preference", "dislikes", r"(?:eu )?não gosto (?P<d>de |do |da |dos |das )<x:thing>", "O usuário não gosta {d}{x}"),
    Rule("preference", "hates", r"(?:eu )?(?:odeio|detesto) <x:thing>", "O usuário odeia {x}"),
    Rule("preference", "prefers", r"(?:eu )?prefiro <x:thing>", "O usuário prefere {x}"),
    Rule("skill", "speaks", r"(?:eu )?falo (?P<x>inglês|português|espanhol|francês|alemão|italiano|árabe|chinês|japonês|russo)", "O usuário fala {x}"),
    Rule("rule", "always", r"(?:por favor,? )?(?:responda|responde)(?:-me)? sempre <x:rest>", "O usuário quer que o assistente responda sempre {x}"),
    Rule("rule", "call_me", r"(?:me chame de|chama-me|me chama de) <x:name>", "O usuário quer ser chamado de {x}"),
)
PORTUGUESE = Language(
    code="pt",
    words=word_set(
        "eu me meu minha o os as um uma é sou e em no na do da dos que não para com tenho moro "
        "trabalho gosto ao de qual isto isso você se chamo nome prefiro"
    ),
    rules=compile_rules(_PT, _PT_SLOTS, latin_end("porque|mas|desde|com (?:meu|minha)|que|onde|agora|atualmente|obrigad[oa]")),
    joints=latin_joints("e|mas|então|porque", r"(?:agora |hoje )?(?:eu|me|meu|minha|moro|vivo|trabalho|sou|tenho|temos|gosto|adoro|odeio|prefiro|estudo|falo|ele|ela)\b|o que|como|onde|você|pode|qual|não gosto"),
    openers=any_of(r"(?:(?:olá|oi|bom dia|sim|não,|bem|então|e|mas|aliás|na verdade|atualmente|agora|obrigad[oa]|hello)[,!:]? +)+"),
    question=any_of(r"(?:o que|que |onde|como|quando|qual|quem|por que|você pode|pode|poderia|sabe)"),
    doubt=any_of(r"\b(?:se eu|se|talvez|suponha|imagine|gostaria|poderia|seria|teria|acho|penso|espero|tomara)\b", r"\b(?:ele|ela) (?:diz|disse)\b", r"^quando\b"),
    fiction=any_of(r"\b(?:traduza|traduz|traduzir|resuma|corrija|reformule|imagine|finja|faz de conta|escreva|redija|seguinte texto|texto seguinte)\b"),
)
