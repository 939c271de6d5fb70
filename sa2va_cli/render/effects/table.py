"""The table of all effects: one row each, by name. Importing it is instant.

To add an effect, write its class in a file of this folder and a row here.
"""

from collections.abc import Mapping

from sa2va_cli.render.effects.parameters import ColourOrMatch, ColourParameter, Number, Text, Word
from sa2va_cli.render.effects.row import EffectRow

_STRENGTH = Number("strength", "how much of it, 0 to 1", 1.0, most=1.0)
_HOLD = Number("hold", "frames over which a mask that goes missing is held", 6, most=50, whole=True)
_GROW = Number("grow", "pixels by which the mask is widened; -1 for what suits", -1.0, least=-1.0)
_SCALE = Number("scale", "size of strokes, cells or dots; 1 for what suits", 1.0, least=0.2, most=8)
_FONT = Text("font", "a font file that has the letters; one of this computer if not given", None, "FILE")


def _times(least: float, most: float, name: str = "amount", default: float = 1.5) -> Number:
    return Number(name, "1 leaves the picture as it is", default, least=least, most=most)


_COLOUR_ROWS = (
    EffectRow(
        "recolour",
        "another hue and chroma; lightness, highlights and shadows stay",
        "recolour:Recolour",
        "colour",
        ColourOrMatch("colour", "the new colour, or match:OBJECT for that of another object"),
        (
            _STRENGTH,
            Number("lightness", "how far to the colour's; -1 for what suits", -1.0, least=-1.0, most=1.0),
        ),
        ("recolor", "colour", "color", "tint", "paint", "dye"),
        ("换色", "改色", "变色", "染色", "上色", "涂成", "染成"),
    ),
    EffectRow(
        "grey",
        "black and white",
        "tones:Grey",
        "colour",
        None,
        (_STRENGTH,),
        ("gray", "greyscale", "grayscale", "black and white", "desaturate", "monochrome"),
        ("黑白", "灰度", "去色", "单色"),
    ),
    EffectRow(
        "sepia",
        "the brown of old photographs",
        "tones:Sepia",
        "colour",
        None,
        (_STRENGTH,),
        ("old photo", "vintage"),
        ("怀旧", "老照片", "复古", "褐色调"),
    ),
    EffectRow(
        "brightness",
        "more or less light",
        "tones:Brightness",
        "colour",
        _times(0.0, 8.0),
        (),
        ("brighten", "darken", "exposure", "lighter", "darker"),
        ("亮度", "提亮", "调亮", "变亮", "调暗", "变暗", "曝光"),
    ),
    EffectRow(
        "contrast",
        "more or less contrast around middle grey",
        "tones:Contrast",
        "colour",
        _times(0.0, 4.0),
        (),
        (),
        ("对比度", "反差"),
    ),
    EffectRow(
        "saturation",
        "more or less colourful",
        "tones:Saturation",
        "colour",
        _times(0.0, 4.0),
        (),
        ("saturate", "vivid", "colourful", "colorful"),
        ("饱和度", "鲜艳"),
    ),
    EffectRow(
        "temperature",
        "warmer (above 0) or colder (below 0) light",
        "tones:Temperature",
        "colour",
        Number("amount", "from -1, as blue as shade, to 1, as warm as a lamp", 0.4, least=-1.0, most=1.0),
        (),
        ("warm", "cool", "warmer", "cooler", "white balance"),
        ("色温", "暖色", "冷色", "白平衡"),
    ),
    EffectRow(
        "sharpen",
        "crisper details",
        "tones:Sharpen",
        "colour",
        Number("amount", "how much, 0 to 4", 1.0, most=4.0),
        (Number("radius", "of what counts as a detail", 1.5, least=0.3, most=20, unit="px"),),
        ("sharp", "crisp", "clarity"),
        ("锐化", "清晰"),
    ),
)

_STYLE_ROWS = (
    EffectRow(
        "ink",
        "ink wash painting (水墨): paper, pale washes, dark strokes",
        "ink:Ink",
        "style",
        None,
        (_STRENGTH, _SCALE, Number("colour", "how much of the colours stays, 0 to 1", 0.0, most=1.0)),
        ("ink wash", "ink-wash", "ink painting", "shuimo", "sumi-e", "chinese painting"),
        ("水墨", "水墨风", "水墨画", "国画", "墨"),
    ),
    EffectRow(
        "pencil",
        "a drawing in graphite on paper",
        "pencil:Pencil",
        "style",
        None,
        (_STRENGTH, _SCALE, Number("colour", "how much of the colours stays, 0 to 1", 0.0, most=1.0)),
        ("sketch", "pencil sketch", "drawing", "pencil drawing"),
        ("素描", "铅笔", "铅笔画", "手绘", "速写"),
    ),
    EffectRow(
        "cartoon",
        "flat colours and dark outlines",
        "cartoon:Cartoon",
        "style",
        None,
        (
            _STRENGTH,
            _SCALE,
            Number("levels", "steps of lightness", 6, least=2, most=32, whole=True),
        ),
        ("comic", "anime", "toon"),
        ("卡通", "动漫", "漫画", "动画风"),
    ),
    EffectRow(
        "oil",
        "oil painting: thick strokes along the forms",
        "oil:Oil",
        "style",
        None,
        (_STRENGTH, _SCALE),
        ("oil painting", "oil paint", "impasto"),
        ("油画",),
    ),
    EffectRow(
        "watercolour",
        "watercolour: clear washes with darker edges on paper",
        "watercolour:Watercolour",
        "style",
        None,
        (_STRENGTH, _SCALE),
        ("watercolor", "aquarelle", "water colour", "water color"),
        ("水彩", "水彩画"),
    ),
    EffectRow(
        "pixelate",
        "large square pixels, as in old games; to hide something take fill",
        "cells:Pixelate",
        "style",
        None,
        (_STRENGTH, _SCALE),
        ("pixel art", "8-bit", "pixels", "pixelart"),
        ("像素", "像素化", "像素风"),
    ),
    EffectRow(
        "halftone",
        "dots of printers' ink",
        "cells:Halftone",
        "style",
        None,
        (_STRENGTH, _SCALE, Number("colour", "how much of the colours stays, 0 to 1", 1.0, most=1.0)),
        ("dots", "newspaper", "pop art", "newsprint"),
        ("半色调", "网点", "波普"),
    ),
    EffectRow(
        "neon",
        "glowing lines in the dark",
        "neon:Neon",
        "style",
        None,
        (_STRENGTH, _SCALE, ColourParameter("colour", "of the lines; the object's own if not given", None)),
        ("neon lights", "cyberpunk"),
        ("霓虹", "霓虹灯", "赛博朋克"),
    ),
)

_REDACT_ROWS = (
    EffectRow(
        "fill",
        "hide under one colour; the strong one of the three that hide",
        "redact:Fill",
        "redact",
        ColourParameter("colour", "of what covers", (0, 0, 0)),
        (_HOLD, _GROW),
        ("redact", "hide", "cover", "black out", "blackout", "censor", "mask out", "block out"),
        ("遮住", "遮挡", "隐藏", "打码", "涂黑", "盖住", "遮盖"),
        area="around",
        protects=True,
    ),
    EffectRow(
        "blur",
        "hide under a blur; weaker than fill: what is blurred can often still be told",
        "redact:Blur",
        "redact",
        Number("radius", "standard deviation; 0 for a quarter of the object", 0.0, unit="px", most=500),
        (_HOLD, _GROW),
        ("blur out", "defocus"),
        ("模糊", "虚化"),
        area="around",
        protects=True,
    ),
    EffectRow(
        "mosaic",
        "hide under coarse cells; weaker than fill: what moves behind cells can often still be told",
        "redact:Mosaic",
        "redact",
        Number("cells", "along the longer side of the object", 8, least=1, most=64, whole=True),
        (_HOLD, _GROW),
        ("pixelise", "pixelize", "pixellate"),
        ("马赛克",),
        area="around",
        protects=True,
    ),
)

_REMOVE_ROWS = (
    EffectRow(
        "remove",
        "take it away: what is behind comes from other frames, and is guessed where none shows it",
        "remove:Remove",
        "remove",
        None,
        (
            _GROW,
            Number("reach", "frames before and after that are looked at", 12, most=50, whole=True),
            Word("grain", "give what is filled the noise of its surroundings", "on", choices=("on", "off")),
        ),
        ("erase", "delete", "take away", "get rid of", "take out", "inpaint"),
        ("去掉", "去除", "移除", "擦除", "抹掉", "删除", "消除", "删掉"),
        area="around",
    ),
)

_BACKGROUND_ROWS = (
    EffectRow(
        "background",
        "another background: a colour, an image, a video, blur, blur=PIXELS, grey or transparent",
        "background:Background",
        "background",
        Text("plate", "what lies behind", metavar="WHAT"),
        (
            Word(
                "fit",
                "how a plate is made to fit",
                "cover",
                choices=("cover", "contain", "stretch"),
            ),
            Word("end", "what follows the end of a plate", "loop", choices=("loop", "hold")),
        ),
        ("replace background", "backdrop", "behind"),
        ("背景", "换背景", "抠图"),
        area="outside",
        opens_files=True,
    ),
    EffectRow(
        "spotlight",
        "everything else darker",
        "spotlight:Spotlight",
        "background",
        Number("darkness", "how much light is taken from the rest, 0 to 1", 0.7, most=1.0),
        (Number("feather", "softness of its edge; -1 for what suits", -1.0, least=-1.0, unit="px"),),
        ("highlight", "focus on", "dim the rest"),
        ("聚光", "聚光灯", "突出", "高亮"),
        area="outside",
    ),
)

_GENERATED_ROWS = (
    EffectRow(
        "generate",
        "what a generative --backend makes of words, or frames that are there already",
        "generated:Generated",
        "generated",
        Text("prompt", "what it becomes"),
        (
            Text(
                "frames",
                "a folder of PNGs, one for each frame, named by their numbers from 0",
                None,
                "FOLDER",
            ),
        ),
        ("regenerate",),
        ("生成",),
    ),
)

_LIGHT_ROWS = (
    EffectRow(
        "outline",
        "a line around it",
        "lines:Outline",
        "light",
        ColourParameter("colour", "of the line", (255, 255, 255)),
        (Number("width", "of the line; 0 for what suits the picture", 0.0, unit="px", most=200),),
        ("contour", "border", "stroke", "edge"),
        ("描边", "轮廓", "勾边"),
        area="around",
    ),
    EffectRow(
        "glow",
        "light that shines from it",
        "lines:Glow",
        "light",
        ColourParameter("colour", "of the light", (255, 225, 150)),
        (
            Number("radius", "how far it shines; 0 for what suits the picture", 0.0, unit="px", most=1000),
            Number("amount", "how bright it is, 0 to 4", 1.0, most=4.0),
        ),
        ("shine", "halo", "aura"),
        ("发光", "光晕", "光环"),
        area="around",
    ),
    EffectRow(
        "shadow",
        "a soft shadow behind it",
        "lines:Shadow",
        "light",
        None,
        (
            Number("darkness", "of the shadow, 0 to 1", 0.6, most=1.0),
            Number("right", "how far to the right, in heights of the picture", 0.02, least=-1, most=1),
            Number("down", "how far down, in heights of the picture", 0.03, least=-1, most=1),
            Number("softness", "of its edge, in heights of the picture", 0.015, most=0.5),
        ),
        ("drop shadow",),
        ("阴影", "投影"),
        area="around",
    ),
)

_CAMERA_ROWS = (
    EffectRow(
        "zoom",
        "move in on it, slowly, and stay there",
        "camera:Zoom",
        "camera",
        Number("factor", "by how much; 0 for as far as the object allows", 0.0, most=16.0),
        (Number("seconds", "how long the move takes", 1.0, most=3600.0),),
        ("zoom in", "close up", "close-up"),
        ("放大", "推近", "特写", "拉近"),
        area="frame",
    ),
    EffectRow(
        "follow",
        "a steady camera that goes along with it",
        "camera:Follow",
        "camera",
        Number("factor", "by how much it is closer; 0 for as close as the object allows", 0.0, most=16.0),
        (Number("steady", "seconds over which the path is smoothed", 0.6, least=0.0, most=10.0),),
        ("track", "keep centred", "keep centered", "reframe"),
        ("跟随", "跟拍", "跟踪", "居中"),
        area="frame",
    ),
)

_TEXT_ROWS = (
    EffectRow(
        "label",
        "a name plate that goes along with it",
        "texts:Label",
        "text",
        Text("text", "what it says; the object's name if not given", None),
        (ColourParameter("colour", "of the plate", (0, 158, 255)), _FONT),
        ("name", "tag", "annotate"),
        ("标签", "标注", "标记", "写上"),
        area="around",
    ),
    EffectRow(
        "caption",
        "a line of text at the bottom of the picture while it is seen",
        "texts:Caption",
        "text",
        Text("text", "what it says"),
        (ColourParameter("colour", "of the letters", (255, 255, 255)), _FONT),
        ("subtitle",),
        ("字幕", "说明文字"),
        area="around",
    ),
)

EFFECTS: Mapping[str, EffectRow] = {
    row.name: row
    for row in (
        *_COLOUR_ROWS,
        *_STYLE_ROWS,
        *_REDACT_ROWS,
        *_REMOVE_ROWS,
        *_BACKGROUND_ROWS,
        *_GENERATED_ROWS,
        *_LIGHT_ROWS,
        *_CAMERA_ROWS,
        *_TEXT_ROWS,
    )
}
"""By name."""
