"""The tab to ask in. Its controls are plain HTML, and `console.js` sends what they hold to /api: so pictures and recordings stay in
memory, which Gradio's own components would write into files.
"""

from __future__ import annotations

from app.web.console.parts import html
from app.web.console.parts.html import shown
from assistant.mind.understanding.question import LONGEST_QUESTION

_FORM = f"""
<form class="ask" id="ask">
<fieldset><legend>Picture</legend>
<p><label for="ask-file">Choose a picture, or take one</label> <input type="file" id="ask-file" accept="image/*"></p>
<p><button type="button" id="ask-camera" aria-pressed="false">Camera on</button>
<button type="button" id="ask-shoot" disabled>Take the picture</button></p>
<video id="ask-video" muted playsinline hidden aria-label="What the camera sees"></video>
<p id="ask-picture">No picture yet.</p>
</fieldset>
<fieldset><legend>Question</legend>
<p><label for="ask-question">Type your question, or a word such as more, repeat or spell that</label>
<input type="text" id="ask-question" maxlength="{LONGEST_QUESTION}" autocomplete="off"></p>
<p><button type="submit" class="first">Ask</button>
<button type="button" id="ask-record" aria-pressed="false">Record a question</button>
<button type="button" id="ask-stop">Stop</button></p>
</fieldset>
<fieldset><legend>The answer is spoken</legend>
<p><label><input type="radio" name="ask-voice" value="browser" checked> in this browser</label>
<label><input type="radio" name="ask-voice" value="device"> by the device</label>
<label><input type="radio" name="ask-voice" value="none"> not at all</label></p>
</fieldset>
</form>
"""
_ANSWERS = '<div id="ask-answers" class="answers"></div>'


def ask_tab() -> None:
    """Build it."""
    shown(html.heading("Ask"))
    shown(_FORM.replace("\n", " "))
    shown(html.heading("Answers", 3) + _ANSWERS)
