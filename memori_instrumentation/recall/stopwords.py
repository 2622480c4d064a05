"""Function words by language: too common to find anything by. Data only.

Short on purpose: what is rare in one person's memories weighs much and what is common weighs little
by itself (inverse document frequency); these lists spare the postings and tell languages apart.
The last line of each is what learned memories call the person they are about.
"""

# ruff: noqa: RUF001 - letters of other alphabets are what this file is about

from __future__ import annotations

from types import MappingProxyType

_LISTS = {
    "english": """
        a about after all am an and any are as at be because been before being but by can
        could did didn't do does doesn't doing don't down for from further had has hasn't
        have haven't having he her here hers him his how i i'd i'll i'm i've if in into is
        isn't it it's its just me more most my no not now of off on once only or other our
        out over own same she should so some such than that that's the their them then there
        these they this those through to too under until up very was wasn't we we're were
        what what's when where which while who whom whose why will with won't would you
        you're your yours
        user user's
    """,
    "german": """
        aber alle als also am an auch auf aus bei bin bis bist da dann das dass dein deine
        dem den denn der des dessen die dies diese dieser doch du durch ein eine einem einen
        einer eines er es euch für hab habe haben hat hatte ich ihm ihn ihr ihre im in ist
        ja jede kann kein keine können man mein meine meinem meinen meiner mich mir mit nach
        nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so über um und uns
        unser unter viel vom von vor war waren warum was wegen weil wenn wer werden wie
        wieder will wir wird wo wurde zu zum zur
        nutzer
    """,
    "french": """
        à ai ainsi as au aussi aux avait avec avez avoir avons c'est car ce cela ces cet
        cette chez comme d dans de des donc du elle elles en es est et étais était êtes être
        eu eux fait il ils j j'ai je l la le les leur leurs lui ma mais me mes moi mon n ne
        nos notre nous on ont ou où par pas plus pour pourquoi qu quand que quel quelle qui
        s sa sans se ses si son sont suis sur ta te tes toi ton tu un une vos votre vous y
        utilisateur l'utilisateur
    """,
    "spanish": """
        a al algo ante antes aunque como con contra cual cuál cuando cuándo de del desde
        donde dónde dos e el él ella ellas ellos en entre era eres es esa ese eso esta está
        están estar este esto estoy fue ha había han has hasta hay he la las le les lo los
        más me mi mí mis mucho muy no nos nosotros o os otra otro para pero poco por porque
        qué que quien quién se sea ser si sí sin sobre son soy su sus también tan te tengo
        tiene todo tu tú tus un una unas uno unos y ya yo
        usuario
    """,
    "italian": """
        a ad ai al alla alle anche avere aveva c'è che chi ci come con cosa cui da dai dal
        dalla dalle degli dei del della delle di do dove due e è ed era essere fa gli ha hai
        hanno ho i il in io la le lei li lo loro lui ma mi mia mie miei mio molto ne negli
        nei nel nella noi non nostro o per perché più poi quale quando quello questa questo
        qui se sei si sia siamo sono sta sto su sua sue sul sulla suo ti tra tu tua tuo un
        una uno vi voi
        utente l'utente
    """,
    "portuguese": """
        a ao aos aquela aquele as às até com como da das de dela dele deles depois do dos e
        é ela elas ele eles em entre era essa esse esta está estava este estou eu foi há
        isso isto já lhe mais mas me mesmo meu meus minha minhas muito na não nas nem no nos
        nós nossa nosso num numa o onde os ou para pela pelo por porque qual quando que quê
        quem são se sem ser seu seus só sou sua suas também te tem tenho ter teu tu tua um
        uma você vocês
        usuário utilizador
    """,
    "russian": """
        а бы был была были было быть в вам вас весь во вот все всё вы где да даже для до его
        ее её ей если есть еще ещё же за и из или им их к как какая какой ко когда кто ли
        мне меня мой моя мы на над нас наш не него нее неё нет ни них но ну о об он она они
        оно от очень по под при про с со так также там то тоже тот ты у уже чего чем что
        чтобы эта эти это этот я
        пользователь
    """,
}

STOP_WORDS = MappingProxyType({name: frozenset(words.split()) for name, words in _LISTS.items()})
"""Stop words by the name of the language's Snowball stemmer, casefolded and in NFKC."""
