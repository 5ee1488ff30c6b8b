"""The names of keys and buttons as Linux gives them to what they send (linux/input-event-codes.h)."""

from __future__ import annotations

ANY = -1
"""Stands for every key."""
HIGHEST = 0x2FF

_RUNS = {
    2: "1 2 3 4 5 6 7 8 9 0 MINUS EQUAL BACKSPACE TAB Q W E R T Y U I O P LEFTBRACE RIGHTBRACE ENTER LEFTCTRL",
    30: "A S D F G H J K L SEMICOLON APOSTROPHE GRAVE LEFTSHIFT BACKSLASH Z X C V B N M COMMA DOT SLASH RIGHTSHIFT",
    55: "KPASTERISK LEFTALT SPACE CAPSLOCK F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NUMLOCK SCROLLLOCK KP7 KP8 KP9 KPMINUS",
    75: "KP4 KP5 KP6 KPPLUS KP1 KP2 KP3 KP0 KPDOT",
    87: "F11 F12",
    96: "KPENTER RIGHTCTRL KPSLASH SYSRQ RIGHTALT",
    102: "HOME UP PAGEUP LEFT RIGHT END DOWN PAGEDOWN INSERT DELETE",
    113: "MUTE VOLUMEDOWN VOLUMEUP POWER",
    119: "PAUSE",
    125: "LEFTMETA RIGHTMETA COMPOSE STOP",
    163: "NEXTSONG PLAYPAUSE PREVIOUSSONG STOPCD",
    183: "F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24",
    200: "PLAYCD PAUSECD",
    207: "PLAY",
    212: "CAMERA",
}
_BUTTONS = {0x100: "0 1 2 3 4 5 6 7 8 9", 0x110: "LEFT RIGHT MIDDLE SIDE EXTRA", 0x120: "TRIGGER THUMB"}

CODES = {
    **{f"KEY_{name}": first + step for first, run in _RUNS.items() for step, name in enumerate(run.split())},
    **{f"BTN_{name}": first + step for first, run in _BUTTONS.items() for step, name in enumerate(run.split())},
    "KEY_ESC": 1,
}


def key_code(name: str) -> int | None:
    """The code of `name` (KEY_F13, or f13, or 183), ANY for "any", None when there is no such key."""
    plain = name.strip().upper()
    if plain == "ANY":
        return ANY
    if plain.isascii() and plain.isdigit():
        return int(plain) if 0 < int(plain[:6]) <= HIGHEST else None
    return CODES.get(plain, CODES.get(f"KEY_{plain}"))
