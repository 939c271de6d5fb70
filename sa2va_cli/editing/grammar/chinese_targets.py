"""What a Chinese instruction is about: 穿红裙女孩, 所有人脸和车牌, 除了狗以外的部分, 背景."""

import re

from sa2va_cli.editing.grammar.lexicon import alternatives, chinese, is_colour
from sa2va_cli.editing.grammar.marks import MARK, Marked
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.plan import PICTURE, REST, Target

_PRONOUN = re.compile(r"[它他她]们?|这个|那个|其")
_WHOLE = re.compile(
    r"(?:整个|全部|整段|整张|整幅)?(?:的)?(?:画面|视频|图像|图片|镜头|片子|影片|照片|屏幕)|全部|一切|所有东西|整体"
)
_PARTS = r"(?:部分|地方|东西|区域|内容|画面|物体|所有东西|全部|一切|人和物|背景)"
_REST = re.compile(rf"(?:其他|其它|其余|剩下)(?:的)?(?:所有)?(?:的)?{_PARTS}?|背景|周围(?:环境)?")
_EXCEPT = re.compile(rf"除了?(.+?)(?:以外|之外|外)?的?(?:其他|其它|其余|所有)?的?(?:所有)?(?:的)?{_PARTS}?")
_AROUND = re.compile("(.+?)的?(?:背景|周围|以外的部分|之外的部分)")
_OBJECT = re.compile(r"(?:物体|对象|目标)\s*#?\d+(?:[、和与,]\s*(?:物体|对象|目标)?\s*#?\d+)*|#\d+")
_JOINT = r"[、,]|以及|还有|和|与|跟"
_VERBS = re.compile(r"[把将]|变成|换成|改成|加上|去掉|移除|删除")
_DANGLING = re.compile(r"(?:穿着?|和|与|的|在|把|将|给|让|除了)$")


def target_of(text: str, sentence: Marked, last: Target | None) -> Target:
    """Makes a target of words.

    Args:
        text: the words.
        sentence: they are of.
        last: what was spoken of before, which 它 means.

    Raises:
        NotUnderstood: they name nothing.
    """
    words = text.strip(" ,;、。")
    if re.search(MARK, words):
        raise NotUnderstood(sentence.restored(words), "a target is words, without quotation marks or files")
    words = re.sub(r"^的|的$", "", words)
    if not words:
        raise NotUnderstood(sentence.restored(text), "it does not say what is to be changed")
    special = _special(words, sentence, last)
    return special or Target(tuple(_checked(part) for part in _parts(words)))


def _special(words: str, sentence: Marked, last: Target | None) -> Target | None:
    """What is no thing by its name: 它, 其他部分, 整个画面, 物体2; else None."""
    if _PRONOUN.fullmatch(words):
        if last is None:
            raise NotUnderstood(words, "nothing was spoken of before that it could mean")
        return last
    if _REST.fullmatch(words) or _WHOLE.fullmatch(words):
        return REST if _REST.fullmatch(words) else PICTURE
    pattern = _EXCEPT if words.startswith("除") else _AROUND
    if found := pattern.fullmatch(words):
        inner = target_of(found[1], sentence, last)
        if inner.inverse or inner.picture:
            raise NotUnderstood(words, "it leaves nothing, or everything")
        return Target(inner.prompts, inner.objects, inverse=True)
    if _OBJECT.fullmatch(words):
        return Target(objects=tuple(int(number) for number in re.findall(r"\d+", words)))
    return None


def _parts(words: str) -> list[str]:
    """Splits 所有人脸和车牌, but not 黑和白的狗 or 狗和猫之间的人."""
    if re.search("之间|中间", words):
        return [words]
    pieces, joints = re.split(_JOINT, words), re.findall(_JOINT, words)
    parts = [pieces[0]]
    for joint, piece in zip(joints, pieces[1:], strict=True):
        if is_colour(parts[-1][-1:]) and is_colour(piece[:1]):
            parts[-1] += joint + piece
        else:
            parts.append(piece)
    every = re.match("所有的?|全部的?|每个|每一个", parts[0])
    if every is not None:
        parts = [part if re.match("所有|全部|每", part) else every[0] + part for part in parts]
    return parts


def _checked(part: str) -> str:
    part = re.sub(r"^的|的$", "", part.strip())
    if not part or _DANGLING.search(part):
        raise NotUnderstood(part or "和", "something is missing at its end")
    if _VERBS.search(part):
        raise NotUnderstood(part, "it does not name one thing; is a comma missing?")
    if re.fullmatch(alternatives(chinese()), part, re.IGNORECASE):
        raise NotUnderstood(part, "it is an effect, and nothing that could be changed")
    return part
