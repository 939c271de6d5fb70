// What outputs, effects and their options are, in simplified Chinese, by the program's own words for it in English.
// What is not here, because it is newer, is shown in English.

export default {
  "white on black.":
    "黑底白色蒙版。",
  "A file (for one kind), a folder, a template of {stem} {kind} {prompt} {object} {ext}, names of frames such as out/name.%04d.png or out/name.####.exr, or - for standard output.":
    "文件（只有一种时）、文件夹、含 {stem} {kind} {prompt} {object} {ext} 的模板、帧文件名（如 out/name.%04d.png 或 out/name.####.exr），或 - 表示标准输出。",
  "overwrite: Replace outputs that exist; without it they are an error. skip: Keep outputs that exist and make only the others.":
    "overwrite：替换已有的输出，否则视为错误。skip：保留已有的输出，只生成其余的。",
  "Where nothing matches, write empty masks; not exit 4.":
    "没有匹配时写空蒙版，不以退出码 4 结束。",
  "Call pictures of a video's frames by their numbers in the source, not from 0.":
    "帧图片按源视频的帧号命名，而不从 0 开始。",
  "If false: do not read outputs again to compare them with what was meant; a wrong one stays.":
    "关闭后：不再读回输出与预期比较，错误的文件会留下。",
  "strip: Leave out what the source's container says (title, dates, place, device, timecode, chapters, subtitles); edit does where it hides something. keep: Keep it there, too.":
    "strip：去掉源文件的信息（标题、日期、地点、设备、时码、章节、字幕）；隐藏内容的编辑默认如此。keep：保留这些信息。",
  "Fill holes of up to this many pixels.":
    "填补不超过这么多像素的空洞。",
  "Drop parts of fewer pixels.":
    "去掉小于这么多像素的部分。",
  "Steady the mask over this many frames before and after, along the motion.":
    "沿运动方向用前后这么多帧稳定蒙版。",
  "Find edges again in the picture: none, guided, closed-form (extra: matting) or vitmatte.":
    "在画面中重新求边缘：none、guided、closed-form（附加组件 matting）或 vitmatte。",
  "Move the edge outwards.":
    "边缘向外移动。",
  "Move the edge inwards.":
    "边缘向内移动。",
  "Soften the edge to this far on either side.":
    "边缘两侧羽化的宽度。",
  "Masks in grey: how probable each pixel is.":
    "灰度蒙版：每个像素的概率。",
  "Colours of the objects, in their order: red,#00ff80.":
    "各对象的颜色，依次为：red,#00ff80。",
  "How much of its colour an overlay mixes into an object, 0 to 1.":
    "叠加时混入对象的颜色比例，0 到 1。",
  "Width in pixels of the line around an object, or off.":
    "对象轮廓线的像素宽度，或 off。",
  "Overlays without name plates.":
    "叠加画面不显示名牌。",
  "A font file for name plates, where no font here has the letters.":
    "名牌使用的字体文件，用于系统字体缺字时。",
  "Ordinary video (BT.709) of high dynamic range (PQ, HLG), which is kept otherwise.":
    "把高动态范围（PQ、HLG）转为普通视频（BT.709），否则保持不变。",
  "Video codec: h264, prores, ffv1, vp9, qtrle or png.":
    "视频编码：h264、prores、ffv1、vp9、qtrle 或 png。",
  "Constant rate factor of h264 and vp9; smaller is better.":
    "h264 和 vp9 的恒定质量系数，越小越好。",
  "mp4, mov, mkv, webm, avi or nut; png, tiff or exr for a folder of frames; with -o - one of nut, matroska, y4m or rawvideo.":
    "mp4、mov、mkv、webm、avi 或 nut；png、tiff 或 exr 为帧文件夹；输出到 - 时为 nut、matroska、y4m 或 rawvideo。",
  "Frames per second of a video made of images: 25, 29.97, 30000/1001.":
    "由图片组成的视频的帧率：25、29.97、30000/1001。",
  "Values of masks in videos: limited (16 to 235) or full (0 to 255).":
    "视频中蒙版的取值范围：limited（16 到 235）或 full（0 到 255）。",
  "Number of the first file of frames; without it that of the input's files, or 0.":
    "帧文件的起始编号；不填则用输入文件的编号，或 0。",
  "premultiplied: Multiply a matte's colours by its alpha. straight: Leave a matte's colours as they are.":
    "premultiplied：颜色乘以透明度。straight：颜色保持不变。",
  "Where the matte of stacked lies: below or beside the picture.":
    "叠放时蒙版的位置：below（下方）或 beside（旁边）。",
  "tint, contour and label.":
    "着色、轮廓和名牌。",
  "cut out with alpha.":
    "带透明通道的抠像。",
  "objects on a colour, a blur, an image or nothing.":
    "对象置于纯色、模糊、图片或透明背景上。",
  "What cutout puts behind objects: a colour, blur, an image, or none.":
    "对象背后的内容：颜色、blur、图片或 none。",
  "the overlay, or the clean picture, around the objects.":
    "围绕对象裁切的叠加画面或原画面。",
  "One box for all frames (union), or one of the same size that goes along (follow).":
    "所有帧用一个框（union），或用同样大小、跟随对象的框（follow）。",
  "What crop adds around objects, as a share of their size.":
    "裁切时在对象周围增加的边距，按对象大小的比例。",
  "Shape of the crop, such as 16:9; objects that do not fit are cut.":
    "裁切的宽高比，如 16:9；放不下的对象会被切掉。",
  "Crop the picture itself, without the overlay.":
    "裁切原画面，不带叠加。",
  "the source above its matte.":
    "上方为原画面，下方为蒙版。",
  "eroded and blurred mask, for keyers.":
    "收缩并模糊的蒙版，供抠像软件使用。",
  "JSON with run lengths and track ids.":
    "带游程编码和轨迹编号的 JSON。",
  "palette PNGs.":
    "调色板 PNG。",
  "YOLO segmentation labels.":
    "YOLO 分割标注。",
  "LabelMe polygons, a JSON file for each frame.":
    "LabelMe 多边形，每帧一个 JSON 文件。",
  "CVAT XML with masks.":
    "带蒙版的 CVAT XML。",
  "Datumaro JSON with masks.":
    "带蒙版的 Datumaro JSON。",
  "Label Studio tasks with brush masks and boxes.":
    "带画笔蒙版和框的 Label Studio 任务。",
  "a contact sheet of overlays (PNG).":
    "叠加画面的缩略图总览（PNG）。",
  "ranges worth a look and where objects are seen (EDL, CSV, or OTIO with the extra otio).":
    "值得查看的范围和对象出现的位置（EDL、CSV，或附加组件 otio 的 OTIO）。",
  "another hue and chroma; lightness, highlights and shadows stay":
    "改变色相和彩度，明暗、高光和阴影不变",
  "the new colour, or match:OBJECT for that of another object":
    "新颜色，或用 match:对象 取另一对象的颜色",
  "how much of it, 0 to 1":
    "强度，0 到 1",
  "how far to the colour's; -1 for what suits":
    "向该颜色靠近的程度；-1 为自动",
  "black and white":
    "黑白",
  "the brown of old photographs":
    "老照片的棕色",
  "more or less light":
    "变亮或变暗",
  "1 leaves the picture as it is":
    "1 表示画面不变",
  "more or less contrast around middle grey":
    "以中灰为基准增减对比度",
  "more or less colourful":
    "更鲜艳或更淡",
  "warmer (above 0) or colder (below 0) light":
    "光线更暖（大于 0）或更冷（小于 0）",
  "from -1, as blue as shade, to 1, as warm as a lamp":
    "从 -1（如阴影般偏蓝）到 1（如灯光般偏暖）",
  "crisper details":
    "细节更清晰",
  "how much, 0 to 4":
    "强度，0 到 4",
  "of what counts as a detail":
    "细节的尺度",
  "ink wash painting (水墨): paper, pale washes, dark strokes":
    "水墨画：纸、淡墨、浓笔",
  "size of strokes, cells or dots; 1 for what suits":
    "笔触、格子或网点的大小；1 为合适的大小",
  "how much of the colours stays, 0 to 1":
    "保留颜色的比例，0 到 1",
  "a drawing in graphite on paper":
    "纸上的铅笔素描",
  "flat colours and dark outlines":
    "平涂色块和深色轮廓",
  "steps of lightness":
    "明暗的级数",
  "oil painting: thick strokes along the forms":
    "油画：沿形体的厚重笔触",
  "watercolour: clear washes with darker edges on paper":
    "水彩：透明的淡彩，边缘较深",
  "large square pixels, as in old games; to hide something take fill":
    "老游戏般的大像素；要隐藏内容请用 fill",
  "dots of printers' ink":
    "印刷网点",
  "glowing lines in the dark":
    "黑暗中的发光线条",
  "of the lines; the object's own if not given":
    "线条的颜色；不填则用对象的颜色",
  "hide under one colour; the strong one of the three that hide":
    "用纯色遮住；三种隐藏方式中最可靠的",
  "of what covers":
    "遮盖的颜色",
  "frames over which a mask that goes missing is held":
    "蒙版缺失时继续保持的帧数",
  "pixels by which the mask is widened; -1 for what suits":
    "蒙版扩大的像素数；-1 为自动",
  "hide under a blur; weaker than fill: what is blurred can often still be told":
    "用模糊遮住；不如 fill 可靠：模糊的内容常常仍可辨认",
  "standard deviation; 0 for a quarter of the object":
    "标准差；0 为对象大小的四分之一",
  "hide under coarse cells; weaker than fill: what moves behind cells can often still be told":
    "用马赛克遮住；不如 fill 可靠：移动的内容常常仍可辨认",
  "along the longer side of the object":
    "沿对象较长边的格数",
  "take it away: what is behind comes from other frames, and is guessed where none shows it":
    "移除对象：背后的内容取自其他帧，没有的部分靠推测",
  "frames before and after that are looked at":
    "前后参考的帧数",
  "give what is filled the noise of its surroundings":
    "给填补的部分加上周围的噪点",
  "another background: a colour, an image, a video, blur, blur=PIXELS, grey or transparent":
    "更换背景：颜色、图片、视频、blur、blur=像素、grey 或 transparent",
  "what lies behind":
    "背景内容",
  "how a plate is made to fit":
    "背景如何适应画面",
  "what follows the end of a plate":
    "背景播完之后",
  "everything else darker":
    "其余部分变暗",
  "how much light is taken from the rest, 0 to 1":
    "其余部分减少的光，0 到 1",
  "softness of its edge; -1 for what suits":
    "边缘的柔和程度；-1 为自动",
  "a line around it":
    "描边",
  "of the line":
    "线的颜色",
  "of the line; 0 for what suits the picture":
    "线的宽度；0 为自动",
  "light that shines from it":
    "发光",
  "of the light":
    "光的颜色",
  "how far it shines; 0 for what suits the picture":
    "光照的距离；0 为自动",
  "how bright it is, 0 to 4":
    "亮度，0 到 4",
  "a soft shadow behind it":
    "柔和的投影",
  "of the shadow, 0 to 1":
    "投影的强度，0 到 1",
  "how far to the right, in heights of the picture":
    "向右的距离，以画面高度为单位",
  "how far down, in heights of the picture":
    "向下的距离，以画面高度为单位",
  "of its edge, in heights of the picture":
    "边缘的柔和程度，以画面高度为单位",
  "move in on it, slowly, and stay there":
    "缓慢推近并停住",
  "by how much; 0 for as far as the object allows":
    "推近的倍数；0 为对象允许的最大值",
  "how long the move takes":
    "推近所用的时间",
  "a steady camera that goes along with it":
    "平稳跟随对象的镜头",
  "by how much it is closer; 0 for as close as the object allows":
    "拉近的倍数；0 为对象允许的最大值",
  "seconds over which the path is smoothed":
    "平滑路径的秒数",
  "a name plate that goes along with it":
    "跟随对象的名牌",
  "what it says; the object's name if not given":
    "名牌文字；不填则为对象名称",
  "of the plate":
    "名牌的颜色",
  "a font file that has the letters; one of this computer if not given":
    "含有这些文字的字体文件；不填则用系统字体",
  "a line of text at the bottom of the picture while it is seen":
    "对象出现时在画面底部显示一行文字",
  "what it says":
    "文字内容",
  "of the letters":
    "文字的颜色",
  "ProRes 4444 with 16-bit straight alpha, tagged BT.709 where the source says nothing.":
    "ProRes 4444，16 位直通透明通道；源未注明时标为 BT.709。",
  "ProRes 4444; choose Straight - Unmatted in Interpret Footage.":
    "ProRes 4444；在“解释素材”中选择“直接 - 无遮罩”。",
  "ProRes 4444; the clip's alpha mode is Straight.":
    "ProRes 4444；片段的 Alpha 模式为 Straight。",
  "ProRes 4444; the alpha handling is Straight.":
    "ProRes 4444；Alpha 处理为 Straight。",
  "OpenEXR: linear premultiplied RGBA, each object's mask as a layer of its own.":
    "OpenEXR：线性预乘 RGBA，每个对象的蒙版各为一层。",
  "WebM with VP9 and alpha, which Chrome, Edge and Firefox show over the page.":
    "带透明通道的 VP9 WebM，Chrome、Edge 和 Firefox 可叠加在网页上显示。",
  "WebM with VP9 and alpha in a media source; --save stacked is for stacked-matte transitions.":
    "用于媒体源的带透明通道的 VP9 WebM；蒙版叠放转场请用 --save stacked。",
  "One grey picture for each frame, eroded and blurred, beside the shot's folder Input.":
    "每帧一张收缩并模糊的灰度图，放在镜头的 Input 文件夹旁。",
  "FFV1 in Matroska: lossless, with straight alpha, and decoded by every FFmpeg.":
    "Matroska 中的 FFV1：无损，直通透明通道，所有 FFmpeg 均可解码。",
};
