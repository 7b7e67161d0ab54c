"""PyTorch modules to workload files: exported on meta tensors, so that no weights are needed.

`loading` runs the user's module, `tracing` makes plain data of its graph, and nothing else here knows torch: `rules` and the
modules beside it turn one operator after the other into layers, `tidying` makes of these what a person would have written.
"""
