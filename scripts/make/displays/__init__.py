"""Made displays: pictures of segments and of ordinary print, and the training of the small reader that tells them apart.

In: a seed. Out: `display.onnx` of `assistant/picture/displays`.
"""
