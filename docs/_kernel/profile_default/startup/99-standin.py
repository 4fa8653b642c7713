"""STAND-IN for kgp.load_run in the notebooks until it lands; delete this folder and IPYTHONDIR in conf.py then."""

import kgp

if not hasattr(kgp, "load_run"):
    import numpy as np

    class _Case:
        def __init__(self, runtime, image):
            from kgp.heatmap.threshold import cut_mask
            from kgp.runtime.runtime import probabilities

            image = np.asarray(image, np.float32)
            logits, heatmaps = runtime.predict(image[None])
            self._runtime, self._image, self.heatmap = runtime, image, heatmaps[0]
            self.probabilities = dict(zip(runtime.class_names, probabilities(logits[0]).round(4).tolist(), strict=True))
            self._index = int(logits[0].argmax())
            self.label = runtime.class_names[self._index]
            reading = runtime.readings[runtime.default_reading]
            self.mask = cut_mask(
                self.heatmap, self._index, reading, image=image, no_tumour_class=runtime.no_tumour_class
            ).mask

        def evidence(self):
            return self._runtime.evidence(self._image, self._index)

        def plot(self):
            import matplotlib.pyplot as plt

            axis = plt.gca()
            axis.imshow(self.heatmap[..., self._index])
            return axis

    class _Run:
        def __init__(self, place):
            from kgp.runtime import load_runtime

            self._runtime = load_runtime(place)

        def predict(self, image):
            return _Case(self._runtime, image)

    kgp.load_run = _Run
