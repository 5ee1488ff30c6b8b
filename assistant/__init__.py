"""The conversation: from sound and pictures to spoken answers."""

import os

# ONNX Runtime 1.29 and later, once imported, writes an identifier and what it did into the user's cache and sends it to its
# maker. It looks at this when it is loaded, by whichever library, so it is said before anything here can import it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
