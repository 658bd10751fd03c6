"""One way of cutting a person out of a picture in Python: runs in bursts, as bench/peers/images tells it.

usage: contestant.py WAY WIDTHxHEIGHT PHOTO MODEL [--workers N] [--threads N]

Speaks as bench/burst.c does: `result FILE`, `frames N`, `rate N`. PHOTO is RGBA, rows tight. Each way gets the photo as
an array in memory and leaves RGBA in another: the photo's colours, the mask as alpha. `--workers`: frames in flight, each
in a thread with what it needs of its own; `--threads`: of the network, for all workers together.

  opencv-openvino      everything that helps: preprocessing folded into the graph, arrays used again, planes by OpenCV
  opencv-openvino-bf16 the same as OpenVINO comes, which computes in bf16 where the processor can
  opencv-onnxruntime   the same with ONNX Runtime
  mediapipe            MediaPipe's own selfie segmentation, mask and alpha by OpenCV
  numpy                how it is usually written: float arrays, dstack
  rembg                how rembg does it: Pillow, LANCZOS, composite
"""
import os
import sys
import threading
import time

SIDE = 256


class Frame:
    """A photo and the result that is made of it; what OpenCV needs in between."""

    def __init__(self, photo):
        import numpy
        self.photo = photo
        self.result = numpy.zeros_like(photo)


class OpenVino:
    """The network with what leads to it in the graph: u8 RGBA in, f32 mask out."""

    def __init__(self, model, workers, threads, precision="f32"):
        import openvino as ov
        from openvino.preprocess import ColorFormat, PrePostProcessor
        core = ov.Core()
        network = core.read_model(model)
        steps = PrePostProcessor(network)
        given = steps.input()
        given.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.RGBX)
        given.preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
        given.model().set_layout(ov.Layout("NHWC"))
        settings = {"NUM_STREAMS": workers, "INFERENCE_NUM_THREADS": threads}
        if precision:
            settings["INFERENCE_PRECISION_HINT"] = precision
        self.compiled = core.compile_model(steps.build(), "CPU", settings)
        self.tensor = ov.Tensor

    def request(self, small):
        import numpy
        request = self.compiled.create_infer_request()
        request.set_input_tensor(self.tensor(small.reshape(1, SIDE, SIDE, 4), shared_memory=True))
        mask = numpy.zeros((1, SIDE, SIDE, 1), numpy.float32)
        request.set_output_tensor(self.tensor(mask, shared_memory=True))
        return request.infer, mask.reshape(SIDE, SIDE)


class OpenCvOpenVino:
    precision = "f32"

    def __init__(self, model, workers, threads):
        self.network = OpenVino(model, workers, threads, self.precision)

    def worker(self, photo):
        import cv2
        import numpy
        frame = Frame(photo)
        height, width = photo.shape[:2]
        small = numpy.zeros((SIDE, SIDE, 4), numpy.uint8)
        alpha = numpy.zeros((height, width), numpy.uint8)
        infer, mask = self.network.request(small)

        def run():
            cv2.resize(frame.photo, (SIDE, SIDE), dst=small, interpolation=cv2.INTER_LINEAR)
            infer()
            mask8 = cv2.convertScaleAbs(mask, alpha=255.0)
            cv2.resize(mask8, (width, height), dst=alpha, interpolation=cv2.INTER_LINEAR)
            cv2.mixChannels([frame.photo, alpha], [frame.result], [0, 0, 1, 1, 2, 2, 4, 3])
            return frame.result
        return run


class OpenCvOpenVinoBf16(OpenCvOpenVino):
    precision = None


class OpenCvOnnxRuntime:
    def __init__(self, model, workers, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads // workers)
        self.sessions = [onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"]) for _ in range(workers)]

    def worker(self, photo):
        import cv2
        import numpy
        frame = Frame(photo)
        height, width = photo.shape[:2]
        session = self.sessions.pop()
        small = numpy.zeros((SIDE, SIDE, 4), numpy.uint8)
        tensor = numpy.zeros((1, SIDE, SIDE, 3), numpy.float32)
        mask = numpy.zeros((1, SIDE, SIDE, 1), numpy.float32)
        alpha = numpy.zeros((height, width), numpy.uint8)
        bound = session.io_binding()
        bound.bind_input("input", "cpu", 0, numpy.float32, tensor.shape, tensor.ctypes.data)
        bound.bind_output("mask", "cpu", 0, numpy.float32, mask.shape, mask.ctypes.data)

        def run():
            cv2.resize(frame.photo, (SIDE, SIDE), dst=small, interpolation=cv2.INTER_LINEAR)
            rgb = cv2.cvtColor(small, cv2.COLOR_RGBA2RGB)
            numpy.multiply(rgb, numpy.float32(1 / 255), out=tensor[0])
            session.run_with_iobinding(bound)
            mask8 = cv2.convertScaleAbs(mask.reshape(SIDE, SIDE), alpha=255.0)
            cv2.resize(mask8, (width, height), dst=alpha, interpolation=cv2.INTER_LINEAR)
            cv2.mixChannels([frame.photo, alpha], [frame.result], [0, 0, 1, 1, 2, 2, 4, 3])
            return frame.result
        return run


class MediaPipe:
    """Brings its own copy of the same network, and its own threads."""

    def __init__(self, model, workers, threads):
        del model, workers, threads

    def worker(self, photo):
        import cv2
        import mediapipe
        frame = Frame(photo)
        segmentation = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)

        def run():
            rgb = cv2.cvtColor(frame.photo, cv2.COLOR_RGBA2RGB)
            mask = segmentation.process(rgb).segmentation_mask
            alpha = cv2.convertScaleAbs(mask, alpha=255.0)
            cv2.mixChannels([frame.photo, alpha], [frame.result], [0, 0, 1, 1, 2, 2, 4, 3])
            return frame.result
        return run


class Numpy:
    def __init__(self, model, workers, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads // workers)
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def worker(self, photo):
        import cv2
        import numpy as np
        height, width = photo.shape[:2]

        def run():
            rgb = photo[:, :, :3]
            small = cv2.resize(rgb, (SIDE, SIDE)).astype(np.float32) / 255.0
            mask = self.session.run(None, {"input": small[None]})[0][0, :, :, 0]
            mask = cv2.resize(mask, (width, height))
            alpha = (np.clip(mask, 0, 1) * 255).astype(np.uint8)
            return np.dstack((rgb, alpha))
        return run


class Rembg(Numpy):
    def worker(self, photo):
        import numpy as np
        from PIL import Image
        picture = Image.fromarray(np.ascontiguousarray(photo[:, :, :3]))

        def run():
            small = np.array(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
            tensor = small.astype(np.float32) / 255.0
            prediction = self.session.run(None, {"input": tensor[None]})[0][0, :, :, 0]
            mask = Image.fromarray((np.clip(prediction, 0, 1) * 255).astype("uint8"))
            mask = mask.resize(picture.size, Image.Resampling.LANCZOS)
            empty = Image.new("RGBA", picture.size, 0)
            return np.asarray(Image.composite(picture.convert("RGBA"), empty, mask))
        return run


WAYS = {"opencv-openvino": OpenCvOpenVino, "opencv-openvino-bf16": OpenCvOpenVinoBf16,
        "opencv-onnxruntime": OpenCvOnnxRuntime, "mediapipe": MediaPipe, "numpy": Numpy, "rembg": Rembg}


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


def rate(workers, count):
    """Frames through all workers, whoever is free takes the next; microseconds for all of them."""
    left = iter(range(count))
    taking = threading.Lock()

    def take():
        with taking:
            return next(left, None)

    def work(run):
        while take() is not None:
            run()
    threads = [threading.Thread(target=work, args=(run,)) for run in workers[1:]]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    work(workers[0])
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began) * 1e6


def frames(run, count):
    took = []
    for _ in range(count):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1e6)
    return " ".join(f"{t:.1f}" for t in took)


def main():
    way, size, photo_file, model = sys.argv[1:5]
    workers, threads = option("--workers", 1), option("--threads", os.cpu_count())
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print is no answer
    import numpy
    if way != "rembg":
        import cv2
        cv2.setNumThreads(max(1, threads // workers))
    width, height = map(int, size.split("x"))
    photo = numpy.fromfile(photo_file, numpy.uint8).reshape(height, width, 4)
    made = WAYS[way](model, workers, threads)
    runs = [made.worker(photo.copy()) for _ in range(workers)]
    for run in runs:
        run()
    print("ready", file=answers)
    for line in sys.stdin:
        verb, value = line.split(None, 1)
        if verb == "result":
            runs[0]().tofile(value.strip())
            print("ok", file=answers)
        elif verb == "frames":
            print(frames(runs[0], int(value)), file=answers)
        elif verb == "rate":
            print(f"{rate(runs, int(value)):.1f}", file=answers)
        else:
            sys.exit(f"contestant.py: '{verb}' is not understood")


main()
