"""RepViT-M1, the trunk of EdgeTAM, as it is at inference: convolutions without normalisation after them.

Wang et al., "RepViT: Revisiting Mobile CNN From ViT Perspective" (CVPR 2024). Published weights have batch
normalisations and parallel branches, which are made part of the convolutions when they are read
(``checkpoints.families.edgetam``).
"""

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (48, 96, 192, 384)
DEPTHS = (2, 2, 14, 2)
"""Channels and blocks of each stage (timm, ``repvit_m1``)."""


class Squeeze(nn.Module):
    """Squeeze and excitation: scales channels by what the whole map says.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(8, (width // 4 + 4) // 8 * 8)  # timm's make_divisible
        self.fc1 = nn.Conv2d(width, inner, 1)
        self.fc2 = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The map (B, C, h, w), its channels scaled."""
        told: Tensor = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * told.sigmoid()


class Mlp(nn.Module):
    """Two convolutions of one cell.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, 2 * width, 1)
        self.conv2 = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Of a map (B, C, h, w), what is added to it."""
        mixed: Tensor = self.conv2(F.gelu(self.conv1(x)))
        return mixed


class Block(nn.Module):
    """Mixes cells, then channels.

    Args:
        width: channels.
        squeezes: whether channels are scaled between the two.
    """

    def __init__(self, width: int, *, squeezes: bool) -> None:
        super().__init__()
        self.token_mixer = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.se = Squeeze(width) if squeezes else nn.Identity()
        self.channel_mixer = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """The map (B, C, h, w) after the block."""
        x = self.se(self.token_mixer(x))
        return x + self.channel_mixer(x)


class Downsample(nn.Module):
    """Halves a map.

    Args:
        width: channels before.
        wider: channels after.
    """

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.pre_block = Block(width, squeezes=False)
        self.spatial_downsample = nn.Conv2d(width, width, 3, stride=2, padding=1, groups=width)
        self.channel_downsample = nn.Conv2d(width, wider, 1)
        self.ffn = Mlp(wider)

    def forward(self, x: Tensor) -> Tensor:
        """The map (B, C, h, w) as (B, C', h/2, w/2)."""
        x = self.channel_downsample(self.spatial_downsample(self.pre_block(x)))
        return x + self.ffn(x)


class Stage(nn.Module):
    """Blocks at one resolution.

    Args:
        width: channels before.
        wider: channels of the stage; the map is halved where they differ.
        depth: how many blocks.
    """

    def __init__(self, width: int, wider: int, depth: int) -> None:
        super().__init__()
        self.downsample = Downsample(width, wider) if wider != width else nn.Identity()
        self.blocks = nn.Sequential(*(Block(wider, squeezes=k % 2 == 0) for k in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """The map after the stage."""
        after: Tensor = self.blocks(self.downsample(x))
        return after


class RepVit(nn.Module):
    """The trunk; its parts are named as timm names them."""

    def __init__(self) -> None:
        super().__init__()
        half = WIDTHS[0] // 2
        self.stem = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(3, half, 3, stride=2, padding=1),
                "conv2": nn.Conv2d(half, WIDTHS[0], 3, stride=2, padding=1),
            }
        )
        before = (WIDTHS[0], *WIDTHS)
        for number, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            self.add_module(f"stages_{number}", Stage(before[number], width, depth))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Encodes pictures.

        Args:
            pixels: (B, 3, S, S) normalised.

        Returns:
            the map after each stage, (B, s, s, C), from S/4 cells a side down to S/32.
        """
        x = self.stem["conv2"](F.gelu(self.stem["conv1"](pixels)))
        maps = []
        for number in range(len(WIDTHS)):
            x = self.get_submodule(f"stages_{number}")(x)
            maps.append(x.permute(0, 2, 3, 1))
        return maps
