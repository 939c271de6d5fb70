"""Clocks that step back: where packets' times start over, and what is added to make them rise again.

Recordings that were joined end to end, cameras that set their clock, and muxers that stumble all write times
that go back. Each stretch of rising times is moved behind the one before. Knows nothing about decoding.
"""

from fractions import Fraction
from typing import Any, Self

_LEAP_SECONDS = 10
"""A leap ahead by more is a new clock where the format allows that (FFmpeg's dts_delta_threshold)."""

_MANY = 10
"""A step ahead by so many usual ones is a gap, and no measure of the usual step."""

BROADCAST = ("mpegts", "mpeg", "flv", "mpegtsraw")
"""Formats whose clocks may be set at any time."""


class Clock:
    """Follows the times of one stream's packets in the order in which they are stored.

    Attributes:
        offsets: for each stretch of rising times, the units that are added to its times.
    """

    def __init__(self, step: int, leap: int | None) -> None:
        """Begins with the first stretch.

        Args:
            step: units from one packet to the next, where nothing better is known.
            leap: units ahead that are taken for a new clock; None for none.
        """
        self.offsets = [0]
        self._step = max(1, step)
        self._leap = leap
        self._decoded: int | None = None
        self._shown: int | None = None
        self._reorders = False
        self._piece = 0

    @classmethod
    def of(cls, container: Any, stream: Any) -> Self:
        """The clock of a stream of PyAV's."""
        rate = getattr(stream, "guessed_rate", None) or 25
        leap = None
        if container.format.name in BROADCAST:
            leap = round(_LEAP_SECONDS / stream.time_base)
        return cls(round(1 / Fraction(rate) / stream.time_base), leap)

    def place(self, packet: Any) -> tuple[int, int]:
        """Takes the next packet; returns the number of its piece, and what to add to its times.

        All of a piece is shown before the next one is. A clock that stumbles where frames are stored in
        another order than they are shown in begins no piece.
        """
        decoded = packet.dts
        if self._starts_over(packet):
            self._begin(packet)
        elif self._returns(packet):
            self.offsets.append(self.offsets[-2])
        elif (
            decoded is not None
            and self._decoded is not None
            and 0 < decoded - self._decoded < _MANY * self._step
        ):
            self._step = decoded - self._decoded
        self._decoded = decoded if decoded is not None else self._decoded
        if packet.pts is not None:
            shown = packet.pts + self.offsets[-1]
            self._shown = shown if self._shown is None else max(self._shown, shown)
            self._reorders = self._reorders or (decoded is not None and packet.pts != decoded)
        return self._piece, self.offsets[-1]

    def _starts_over(self, packet: Any) -> bool:
        if packet.dts is not None and self._decoded is not None:
            ahead = packet.dts - self._decoded
            if ahead < 0 or (self._leap is not None and ahead > self._leap):
                return True
        # What is decoded before a key frame is also shown before it.
        return bool(
            packet.is_keyframe
            and packet.pts is not None
            and self._shown is not None
            and packet.pts + self.offsets[-1] < self._shown
        )

    def _begin(self, packet: Any) -> None:
        offset = self.offsets[-1]
        by_shown = packet.is_keyframe and packet.pts is not None and self._shown is not None
        if by_shown and self._shown is not None:
            move = self._shown + self._step - packet.pts
        else:
            move = (self._decoded or 0) + offset + self._step - packet.dts
        # A stumble by half a frame is no new clock: the times go on where they were.
        self.offsets.append(offset if 0 <= move - offset <= 3 * self._step // 2 else move)
        if by_shown or not self._reorders:
            self._piece += 1

    def _returns(self, packet: Any) -> bool:
        """Whether the clock is back where it would be if it had never stepped back."""
        if len(self.offsets) < 2 or packet.dts is None or self._decoded is None:
            return False
        expected = self._decoded + self.offsets[-1] + self._step
        ahead: bool = packet.dts - self._decoded > 3 * self._step // 2
        return ahead and abs(packet.dts + self.offsets[-2] - expected) <= self._step // 2
