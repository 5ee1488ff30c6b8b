"""The mathematics: grid, Hessian, GPTQ, refinement. Knows no model, file or device.

In: tensors. Out: codes on a grid.
"""
