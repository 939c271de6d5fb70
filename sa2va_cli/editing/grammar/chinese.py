"""Chinese instructions: 把第三秒穿红裙女孩换成水墨风，然后模糊其他部分."""

import re
import unicodedata
from collections.abc import Iterator

from sa2va_cli.editing.grammar.chinese_targets import target_of
from sa2va_cli.editing.grammar.chinese_times import mark_times
from sa2va_cli.editing.grammar.clauses import Clause, assembled, read_clauses
from sa2va_cli.editing.grammar.language import Frame, Language, split_at
from sa2va_cli.editing.grammar.lexicon import (
    CHINESE_COLOUR,
    Meaning,
    alternatives,
    by_degree,
    chinese,
    colour_parameter,
)
from sa2va_cli.editing.grammar.marks import MARK, marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.grammar.said import Context, Said, matching
from sa2va_cli.editing.plan import FOUND, GENERATE, Edit, Target
from sa2va_cli.render.effects.colour_words import named_colour

_EFFECT = f"(?P<effect>{alternatives(chinese())})"
_COLOUR = f"(?P<colour>{CHINESE_COLOUR})"
_POLITE = re.compile(
    r"^(?:\s|,|请你|请|麻烦你?|帮我|帮忙|我想要?|我要|我希望|希望|能不能|能否|可以|可不可以|你能|现在|首先|先|接着|然后|再|并且?|同时|最后|也|就|还)+"
)
_POLITE_END = re.compile(r"(?:\s|吧|吗|呢|啊|好吗|可以吗|谢谢|[。.!?！？])+$")
_JOINT = re.compile(
    r"\s*(?:[,;。](?:\s*(?:并且|并|然后|接着|再|同时|最后|而且))*|然后再?|接着再?|并且|同时(?=[把将给让对])|而且|随后|[、]|再(?=[把将给让对])|并(?=\S)|和(?=[把将给让对])|以及(?=[把将给让对]))\s*"
)
_NOT = re.compile(r"^(?:不要|别(?![的人])|不准|不用|无需|禁止|不(?!动|同))|^[把将给让对].*(?:不要|别再|不准)")
_IF = re.compile(r"如果|假如|当.*时候?|逐渐|慢慢|渐渐")
_LITTLE = r"稍微|略微|轻微|轻轻|有点|稍|一点点?|一些|微微|细|淡"
_MUCH = r"非常|很|强烈|十分|特别|大幅|极其|更加|重度|粗|浓"
_DEGREE = rf"(?:(?P<little>{_LITTLE})|(?P<much>{_MUCH}))"
_DEGREE_BEHIND = r"(?P<behind>一点点?儿?|一些|很多|许多|得多)"
_INTO = (
    r"(?:变成|变为|换成|换为|改成|改为|转成|转为|转换成|转换为|做成|画成|弄成|处理成|渲染成|调成|调为"
    r"|设为|设成|涂成|染成|刷成|成为|涂为|制成|化成|替换成|替换为|变|转|改|成)"
)
_KIND_OF_LOOK = r"(?:的)?(?:风格|效果|滤镜|样式|样子|画风|画面|画|风|状|化|的|色调|处理)*"
_APPLY = (
    r"(?:加上|加个|加一个|加一层|加一圈|添加|加|打上|打个|打|做个|做|进行|使用|应用|套用|套上|用上"
    r"|来个|来点|画上|画个|画|描上|上个|上)"
)
_COUNT = r"(?:一个|一层|一圈|一条|一道|一点|一些|个|层|圈|条|点)?"
_CLEAR = ("透明", "无", "空")


def read_chinese(instruction: str, *, generative: bool = False) -> tuple[Edit, ...]:
    """Reads an instruction.

    Args:
        instruction: the sentence.
        generative: whether there is a back-end that makes anything of words.

    Raises:
        NotUnderstood: a part of it cannot be read.
    """
    sentence = marked(instruction)
    sentence.text = _plain(sentence.text)
    mark_times(sentence)
    text = _POLITE_END.sub("", _POLITE.sub("", sentence.text))
    pieces, joints = split_at(_JOINT.finditer(text), text)

    def read(part: str, last: Clause | None) -> Clause:
        return _clause(part, Context(sentence, last, generative))

    return assembled(read_clauses(pieces, joints, read))


def _plain(text: str) -> str:
    """Full-width signs as usual ones; blanks go where they stand beside Chinese."""
    text = "".join(
        char if "\ue000" <= char <= "\uf8ff" else unicodedata.normalize("NFKC", char) for char in text
    )
    return re.sub(r"(?<=[\u3400-\u9fff])\s+|\s+(?=[\u3400-\u9fff])", "", text).strip()


def _clause(part: str, context: Context) -> Clause:
    sentence = context.sentence
    text = re.sub(r"\s+", " ", _POLITE.sub("", sentence.without_times(part)))
    text = re.sub(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])", "", text).strip(" ,;")
    text = re.sub(r"^(?:的时候|的|时)|(?:一下子?|起来|了)$", "", text)
    text = re.sub(r"^([把将给让对使])的", r"\1", text)
    return _CHINESE.clause(text, part, context)


def _unknown(text: str, context: Context) -> NotUnderstood:
    if found := re.search(rf"{_INTO}(.+)$", text):
        return NotUnderstood(
            context.sentence.restored(found[1]),
            "no effect makes that; only a generative --backend can make anything of words",
        )
    return NotUnderstood(context.sentence.restored(text), "it holds no word for an effect at its place")


# --- what effects are told -------------------------------------------------------------------------


def _colour(word: str) -> str:
    """A colour as effects read it; 色 alone is not one of its letters."""
    return word if named_colour(word) is not None else word.removesuffix("色")


def _meaning(found: re.Match[str]) -> Meaning:
    """An effect with what stands before and behind its name: 红色描边, 稍微模糊, 亮一点."""
    word = " ".join(found["effect"].lower().split())
    meaning = chinese()[word]
    groups = found.groupdict()
    if colour := groups.get("colour"):
        name = colour_parameter(meaning.effect)
        if name is None:
            raise NotUnderstood(f"{colour}{word}", f"the effect {meaning.effect} has no colour")
        meaning = meaning.with_values(**{name: _colour(colour)})
    much = groups.get("much") or (groups.get("behind") in ("很多", "许多", "得多") and groups["behind"])
    little = groups.get("little") or groups.get("behind")
    if much or little:
        degreed = by_degree(meaning, much=bool(much))
        if degreed is None:
            raise NotUnderstood(str(much or little), f"the effect {meaning.effect} has no degrees")
        meaning = degreed
    return meaning


def _coloured(meaning: Meaning, colour: str | None) -> Meaning:
    if not colour:
        return meaning
    name = colour_parameter(meaning.effect)
    if name is None:
        raise NotUnderstood(colour, f"the effect {meaning.effect} has no colour")
    return meaning.with_values(**{name: _colour(colour)})


# --- frames: the ways in which an instruction is put -----------------------------------------------


def _plate(text: str, context: Context) -> str | None:
    """What lies behind: a file, a colour, blur, grey, nothing; None for what is none of these."""
    bare = re.sub(r"^(?:一张|一段|一个|纯|图片|视频|文件)+|(?:的?背景|的)$", "", text.strip())
    if re.fullmatch(MARK, bare):
        return context.sentence.texts(bare)[0]
    if re.fullmatch(CHINESE_COLOUR, bare, re.IGNORECASE):
        return _colour(bare)
    if re.fullmatch(r"(?:模糊|虚化)(?:的|效果)?", bare):
        return "blur"
    if re.fullmatch(r"(?:黑白|灰度)(?:的|效果)?", bare):
        return "grey"
    return "transparent" if bare in _CLEAR else None


def _backgrounds(text: str, context: Context) -> Iterator[Said]:
    """What is about the background: 换成蓝色, 虚化, 去掉; and cut-outs: 抠出."""
    subject = r"(?:(?P<target>.+?)的?(?:后面的|身后的)?)?背景"
    for pattern in (
        rf"[把将让使]?{subject}(?:换|变|改|替换|替|设|调|涂|染|转|做|弄)(?:成|为|作)?(?P<plate>.+)",
        rf"[把将让使]?{subject}(?:是|为|要|用)?(?P<plate>透明|纯?{CHINESE_COLOUR})",
        rf"(?:换|替换|更换|改)(?:掉)?{subject}(?:为|成|用)?(?P<plate>.+)",
        rf"用(?P<plate>.+?)(?:来)?(?:替换|换掉|代替|做|当)(?:{subject})",
        r"给(?P<target>.+?)(?:换上|换个|加上|加个|换|加)(?:一个|个)?(?P<plate>.+?)的?背景",
        r"给(?P<target>.+?)(?:换|更换|替换)背景(?:为|成)?(?P<plate>.+)",
        r"把(?P<target>.+?)放(?:在|到)(?P<plate>.+?)的?背景(?:上|前|里|中)?",
        r"在(?P<target>.+?)(?:后面|背后|身后)放(?:上)?(?P<plate>.+)",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        plate = found and _plate(found["plate"], context)
        if found and plate:
            yield Said(
                _subject(found.groupdict().get("target"), context), Meaning("background", (("plate", plate),))
            )
            return
    for pattern in (
        rf"[把将给让对]?{subject}(?:进行|做)?{_EFFECT}(?:掉|处理|一下|化)?",
        rf"{_EFFECT}(?:掉|一下)?{subject}",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        effect = chinese()[found["effect"]].effect if found else ""
        if found and effect in ("remove", "blur"):
            plate = {"remove": "transparent", "blur": "blur"}[effect]
            yield Said(_subject(found["target"], context), Meaning("background", (("plate", plate),)))
            return
    if found := re.fullmatch(
        r"(?:抠出|抠取|抠下|抠图|扣出|提取|[只仅]保留)(?:出来?)?(.+)|[把将](.+?)(?:抠出来|抠出|抠下来|抠图|单独抠出来?|提取出来)|给(.+?)抠图",
        text,
    ):
        yield Said(found[1] or found[2] or found[3], Meaning("background", (("plate", "transparent"),)))


def _subject(words: str | None, context: Context) -> str | Target:
    if not words or words in ("视频", "画面", "整个"):
        return FOUND
    if re.fullmatch(r"[它他她]们?", words) and context.last and context.last.target:
        return context.last.target
    return words


def _shining(text: str, _: Context) -> Iterator[Said]:
    """让 X 发金光."""
    found = re.fullmatch(
        rf"[把将让使给]?(?P<target>.+?)(?:发出|发|闪)(?P<colour>{CHINESE_COLOUR})的?光芒?", text
    )
    if found is not None:
        yield Said(found["target"], Meaning("glow", (("colour", _colour(found["colour"])),)))


def _matches(text: str, context: Context) -> Iterator[Said]:
    """The colour of another thing: 把球变成和女孩一样的颜色, 让球和裙子颜色一致, 把球染成狗的颜色."""
    into = r"(?:(?:变|改|换|调|染|涂|做|弄|设|画)(?:成|为|得|到))"
    like = r"(?:一样|相同|同样|一致|匹配|同色)(?:的?(?:颜色|色))?"
    for pattern in (
        rf"[把将让使给]?(?P<target>.+?)(?:的?颜色)?{into}?(?:和|跟|与|同)(?P<other>.+?)(?:的?颜色)?(?:相|保持)?{like}",
        rf"[把将让使给]?(?P<target>.+?)(?:的?颜色)?{into}(?P<other>.+?)的颜色",
        r"[让使](?P<target>.+?)(?:的?颜色)?匹配(?P<other>.+?)(?:的?颜色)?",
    ):
        found = re.fullmatch(pattern, text)
        if found is None or re.fullmatch(CHINESE_COLOUR, found["other"], re.IGNORECASE):
            continue
        last = context.last.target if context.last else None
        value = matching(target_of(found["other"], context.sentence, last), found["other"])
        yield Said(found["target"], Meaning("recolour", (("colour", value),)))
        return


def _texts(text: str, context: Context) -> Iterator[Said]:
    """Name plates and captions with words of the user's own."""
    kind = r"(?P<kind>标签|字幕|文字|名字|名牌|说明文字|说明|标注|标记|字)"
    for pattern in (
        rf"[给为对](?P<target>.+?)(?:{_APPLY}|配上|配|写上)?{_COUNT}(?:{kind}|写上)(?:叫做?|为|是|内容为|:|说)?(?P<text>{MARK})(?:的?(?:标签|字幕|文字))?",
        rf"[给为](?P<target>.+?)(?:{_APPLY}|配上|配|写上){_COUNT}(?P<text>{MARK})的?{kind}?",
        rf"在(?P<target>.+?)(?:上面|下面|旁边|上|下)(?:写上?|加上?|标上?|打上)(?:{kind})?(?P<text>{MARK})(?:的?(?:字样|标签|字))?",
        rf"[把将](?P<target>.+?){kind}(?:为|成|作)?(?P<text>{MARK})",
        rf"{kind}(?P<target>.+?)(?:为|成)?(?P<text>{MARK})",
    ):
        found = re.fullmatch(pattern, text)
        if found is None:
            continue
        said = context.sentence.texts(found["text"])[0]
        word = found.groupdict().get("kind") or ""
        effect = "caption" if word in ("字幕", "说明文字", "说明") else "label"
        yield Said(found["target"], Meaning(effect, (("text", said),)))
        return


def _becoming(text: str, context: Context) -> Iterator[Said]:
    """把 X 变成蓝色, 让 X 变成水墨风, X 换成卡通风格; and Y 变成绿色 behind them."""
    verbs = rf"(?:的颜色|颜色|的画风|的风格)?(?:[从由]{CHINESE_COLOUR})?(?:都|全部|全|整个)?"
    look = rf"(?:更|更加|得更|得)?{_DEGREE}?(?:更)?{_EFFECT}{_KIND_OF_LOOK}{_DEGREE_BEHIND}?"
    result = rf"(?:{_COLOUR}(?:的)?|{look})"
    found = re.fullmatch(rf"[把将让使给]?(?P<target>.+?){verbs}{_INTO}{result}", text, re.IGNORECASE)
    if found is None:
        found = re.fullmatch(rf"(?P<target>){_INTO}{result}", text, re.IGNORECASE)
    if found is None:
        yield from _generated(text, context)
        return
    last = context.last.target if context.last else None
    target: str | Target | None = found["target"] or last
    if found["colour"] and not found["effect"]:
        yield Said(target, Meaning("recolour", (("colour", _colour(found["colour"])),)), "变成")
        return
    yield Said(target, _meaning(found), "变成")


def _generated(text: str, context: Context) -> Iterator[Said]:
    found = re.fullmatch(rf"[把将让使](?P<target>.+?){_INTO}(?P<what>.+)", text)
    if found is not None and context.generative:
        words = context.sentence.restored(found["what"])
        yield Said(found["target"], Meaning(GENERATE, (("prompt", words),)))


def _doing(text: str, _: Context) -> Iterator[Said]:
    """把 X 模糊掉, 给 X 加红色描边, 对 X 进行锐化, 让 X 发光, 模糊 X."""
    adjectives = rf"(?:{_DEGREE}(?:的)?|{_COLOUR}(?:的)?)*"
    end = (
        rf"{_KIND_OF_LOOK}{_DEGREE_BEHIND}?(?:掉|上|住|出来|起来|一下|开|处理|化)*"
        rf"(?:(?:成|为|用|上)?(?P<colour2>{CHINESE_COLOUR})(?:的)?)?"
    )
    for pattern in (
        rf"[给为对在](?P<target>.+?)(?:上面|上|周围)?{_APPLY}{_COUNT}{adjectives}{_EFFECT}{end}",
        rf"[把将给让使对为](?P<target>.+?)(?:都|全部|全|整个)?(?:进行|做|用|得更|得|更|更加)?(?:(?P<cover>用)?{adjectives})?{_EFFECT}{end}",
        rf"用{adjectives}{_EFFECT}(?:遮住|盖住|挡住|遮盖|覆盖|替换|表现|处理|来?处理)?(?P<target>.+)",
        rf"(?:{_APPLY}{_COUNT})?{adjectives}{_EFFECT}(?:掉|住|一下|化|到)?(?P<target>.+)",
        rf"(?P<target>.+?)(?:都|全部|全)?(?:{_APPLY}|变得|变)?{adjectives}{_EFFECT}{end}",
    ):
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is None:
            continue
        meaning = _coloured(_meaning(found), found.groupdict().get("colour2"))
        target = re.sub(r"的$", "", found["target"])
        if meaning.effect == "follow":  # 镜头跟着 X 走
            target = re.sub(r"(?<=.)(?:走|跑|移动|动)$", "", target)
        yield Said(target, meaning)
    if found := re.fullmatch(rf"(?:{_APPLY}{_COUNT})?{adjectives}{_EFFECT}(?:一下|掉)?", text, re.IGNORECASE):
        yield Said(None, _meaning(found))


_LOWERED = {"brightness": "0.6", "contrast": "0.7", "saturation": "0.6", "temperature": "-0.4"}
"""What an effect that goes both ways is told where there is to be less of it."""


def _changing(text: str, _: Context) -> Iterator[Said]:
    """提高 X 的对比度, 把 X 的亮度降低."""
    up, down = r"(?P<up>提高|增加|增强|加强|加大|调高|提升)", r"(?P<down>降低|减少|减小|减弱|调低)"
    for pattern in (
        rf"(?:{up}|{down})(?P<target>.+?)的?{_EFFECT}{_DEGREE_BEHIND}?",
        rf"[把将](?P<target>.+?)的?{_EFFECT}(?:{up}|{down}){_DEGREE_BEHIND}?",
    ):
        found = re.fullmatch(pattern, text)
        meaning = chinese()[found["effect"]] if found else None
        if found is None or meaning is None or meaning.effect not in _LOWERED:
            continue
        if found["down"]:
            meaning = meaning.with_values(amount=_LOWERED[meaning.effect])
        yield Said(found["target"], meaning)
        return


def _covering(text: str, _: Context) -> Iterator[Said]:
    """用红色遮住 X, 把 X 用马赛克遮住."""
    found = re.fullmatch(
        rf"用(?:{_COLOUR}(?:的)?(?:方块|色块|块)?|(?P<effect>马赛克|模糊))(?:把)?(?:遮住|盖住|挡住|遮挡|覆盖|遮盖|涂掉|隐藏)(?P<target>.+)"
        rf"|[把将](?P<target2>.+?)用(?:(?P<colour2>{CHINESE_COLOUR})(?:的)?(?:方块|色块|块)?|(?P<effect2>马赛克|模糊))(?:遮住|盖住|挡住|遮挡|覆盖|遮盖|涂掉|隐藏)(?:起来)?",
        text,
    )
    if found is None:
        return
    target = found["target"] or found["target2"]
    colour, effect = found["colour"] or found["colour2"], found["effect"] or found["effect2"]
    if effect:
        yield Said(target, Meaning({"马赛克": "mosaic", "模糊": "blur"}[effect]))
    else:
        yield Said(target, Meaning("fill", (("colour", _colour(colour)),)))


def _replacing(text: str, context: Context) -> Iterator[Said]:
    found = re.fullmatch(
        r"用(?P<what>.+?)(?:替换|代替|换掉)(?P<target>.+)|替换(?P<target2>.+?)(?:为|成)(?P<what2>.+)", text
    )
    if found is None:
        return
    what = context.sentence.restored(found["what"] or found["what2"])
    if not context.generative:
        raise NotUnderstood(what, "only a generative --backend can put something else there")
    yield Said(found["target"] or found["target2"], Meaning(GENERATE, (("prompt", what),)))


_FRAMES: tuple[Frame, ...] = (
    _backgrounds,
    _shining,
    _matches,
    _texts,
    _changing,
    _covering,
    _becoming,
    _doing,
    _replacing,
)
_CHINESE = Language(_FRAMES, target_of, _unknown, _NOT, _IF, "从2秒到5秒")
