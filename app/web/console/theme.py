"""How the console looks: dark on light or light on dark with enough contrast, and fonts of the system alone."""

from __future__ import annotations

import gradio as gr

BLUE, DARKER_BLUE = "#1d4ed8", "#1e40af"
INK, PALE_INK = "#374151", "#e5e7eb"
QUIET_INK, PALE_QUIET_INK = "#4b5563", "#d1d5db"


def theme() -> gr.themes.Base:
    """Gradio's plain theme with contrasts of 4.5 to 1 and more (measured by axe, light and dark)."""
    plain = gr.themes.Base(
        primary_hue="blue",
        text_size="lg",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    colours = {
        "button_primary_background_fill": BLUE,
        "button_primary_background_fill_hover": DARKER_BLUE,
        "button_primary_text_color": "#ffffff",
        "button_cancel_background_fill": "#b91c1c",
        "button_cancel_background_fill_hover": "#991b1b",
        "button_cancel_text_color": "#ffffff",
        "checkbox_background_color_selected": BLUE,
        "color_accent": BLUE,
    }
    pairs = {
        "body_text_color_subdued": (QUIET_INK, PALE_QUIET_INK),
        "block_info_text_color": (QUIET_INK, PALE_QUIET_INK),
        "block_label_text_color": (INK, PALE_INK),
        "block_title_text_color": (INK, PALE_INK),
        "input_placeholder_color": (QUIET_INK, PALE_QUIET_INK),
        "input_border_color": ("#6b7280", "#9ca3af"),
        "input_border_width": ("1px", "1px"),
        "checkbox_border_color": ("#6b7280", "#9ca3af"),
    }
    values = {**colours, **{f"{name}_dark": value for name, value in colours.items() if name != "color_accent"}}
    for name, (light, dark) in pairs.items():
        values |= {name: light, f"{name}_dark": dark}
    return plain.set(**values)
