"""Languages without rules: a plain statement about oneself is kept as it was said.

A sentence counts when it has the language's first person and one of its common words for being,
living, working, having or liking, and none of those that ask, wish, suppose or tell of a problem.
"""

# ruff: noqa: E501, RUF001

from __future__ import annotations

import re
from dataclasses import dataclass

_SPACED = r"(?<!\w)(?:{})(?!\w)"


@dataclass(frozen=True, slots=True)
class Statement:
    """The words that tell a statement about oneself, as alternatives of regular expressions."""

    me: str
    states: str
    not_if: str
    spaced: bool = True
    """Whether words stand between spaces."""

    def matches(self, sentence: str) -> bool:
        """Whether ``sentence`` is such a statement."""
        return (
            self._has(self.me, sentence)
            and self._has(self.states, sentence)
            and not self._has(self.not_if, sentence)
        )

    def _has(self, words: str, sentence: str) -> bool:
        pattern = _SPACED.format(words) if self.spaced else words
        return re.search(pattern, sentence, re.IGNORECASE) is not None


STATEMENTS = {
    "nl": Statement("ik|mijn", "ben|woon|werk|heet|hou|houd|heb|vind|studeer|allergisch|naam", "als|zou|wil|vraag|kun|kan|probeer|hoe|wat|waar|misschien|denk|fout|stel|probleem|vertaal"),
    "sv": Statement("jag|mitt|min", "är|bor|arbetar|jobbar|heter|gillar|älskar|har|studerar|allergisk", "om|skulle|vill|fråga|kan|försöker|hur|vad|var|kanske|tror|fel|problem|översätt"),
    "da": Statement("jeg|mit|min", "er|bor|arbejder|hedder|elsker|har|studerer|allergisk", "hvis|ville|vil|spørgsmål|kan|prøver|hvordan|hvad|hvor|måske|tror|fejl|problem|oversæt"),
    "pl": Statement("ja|jestem|mieszkam|pracuję|lubię|uwielbiam|mam|nazywam", "jestem|mieszkam|pracuję|lubię|uwielbiam|mam na imię|mam alergię|nazywam się|studiuję", "jeśli|gdyby|chciał\\w*|chcę|pytanie|może|jak|gdzie|problem|błąd|myślę|przetłumacz"),
    "tr": Statement("ben|benim|adım|\\w+ım|\\w+im|\\w+um|\\w+üm", "yaşıyorum|oturuyorum|çalışıyorum|seviyorum|adım|alerjim|okuyorum", "eğer|sorum|istiyorum|nasıl|nerede|belki|hata|sorun|çevir|mi|mı|mu|mü"),
    "uk": Statement("я|мене|мені", "живу|працюю|люблю|звати|подобається|навчаюся|алергія", "якщо|би|б|хочу|як|де|можливо|помилка|питання|переклади"),
    "id": Statement("saya|aku", "tinggal|bekerja|suka|adalah|bernama|alergi|punya|kuliah|nama", "jika|kalau|ingin|mau|bagaimana|apa|dimana|mungkin|error|masalah|terjemahkan|pertanyaan"),
    "vi": Statement("tôi|mình", "sống|làm việc|thích|tên|là|dị ứng|học", "nếu|muốn|làm sao|thế nào|ở đâu|có thể|lỗi|vấn đề|dịch|câu hỏi|không biết"),
    "ko": Statement("저는|나는|제|내|전", "살고|삽니다|살아|일하고|일합니다|좋아|이름은|입니다|알레르기|공부하고", "만약|라면|싶|어떻게|어디|무엇|오류|문제|번역|요약|질문|까요|나요|습니까", spaced=False),
    "ar": Statement("أنا|اسمي|أسكن|أعيش|أعمل|أحب|لدي|عندي", "أنا|اسمي|أسكن|أعيش|أعمل|أحب|حساسية", "لو|إذا|أريد|سؤال|كيف|أين|ماذا|ربما|خطأ|مشكلة|ترجم|لخص|هل"),
    "he": Statement("אני|שמי", "גר|גרה|עובד|עובדת|אוהב|אוהבת|שמי|אלרגי|אלרגית|לומד|לומדת", "אם|רוצה|איך|איפה|מה|אולי|שגיאה|בעיה|תרגם|שאלה"),
    "fa": Statement("من|اسمم", "زندگی می|کار می|دوست دارم|هستم|اسمم|آلرژی|حساسیت", "اگر|می‌خواهم|چگونه|کجا|چه|شاید|خطا|مشکل|ترجمه|سوال", spaced=False),
    "hi": Statement("मैं|मेरा|मेरी|मेरे|मुझे", "रहता|रहती|काम करता|काम करती|पसंद|नाम|एलर्जी|पढ़ता|पढ़ती", "अगर|यदि|चाहता|चाहती|कैसे|कहाँ|क्या|शायद|त्रुटि|समस्या|अनुवाद|सवाल", spaced=False),
    "th": Statement("ผม|ฉัน|ดิฉัน", "อยู่ที่|อาศัย|ทำงาน|ชอบ|ชื่อ|แพ้|เป็น", "ถ้า|หาก|อยาก|อย่างไร|ยังไง|ที่ไหน|อะไร|อาจ|ข้อผิดพลาด|ปัญหา|แปล|คำถาม|ไหม", spaced=False),
    "el": Statement("εγώ|με|μου|μένω|δουλεύω|είμαι", "μένω|ζω|δουλεύω|λένε|αρέσει|αρέσουν|αλλεργία|αλλεργικός|αλλεργική|σπουδάζω", "αν|θα|θέλω|πώς|πού|τι|ίσως|λάθος|πρόβλημα|μετάφρασε|ερώτηση"),
}  # fmt: skip


def declares(sentence: str) -> bool:
    """Whether a sentence that no rule reads, and that does not end as a question, is a plain
    statement about the user.
    """
    if "⟦" in sentence or ":" in sentence:
        return False
    return any(statement.matches(sentence) for statement in STATEMENTS.values())
