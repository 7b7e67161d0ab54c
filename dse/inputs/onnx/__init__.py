"""ONNX models in: a graph of operators becomes a workload file.

One road: `reading` (bytes to a checked model, nothing outside the file is opened), `inference` (a `Graph` of operators in order,
with shapes by the onnx package and values where shapes are computed), `patterns` (operators that together are one function),
`rules` (an operator to layers of a `Builder`), `tidying` (layers as a person would join and name them), `importing` (the text).
"""
