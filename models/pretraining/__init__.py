"""Where a backbone's weights start: `scratch`, `imagenet`, `checkpoint`, `mae`, `distillation`.

- scratch: the random weights timm gives a network; nothing to do.
- imagenet, checkpoint: weights read from a file, with an audit of what fitted; `layouts` knows
  those that name their tensors otherwise than timm does.
- mae, distillation: stages of training of their own, kept in a store and made once.
"""
