"""A video's person cut out on black with OpenCV + ONNX Runtime: as good as a script of this length gets.

usage: video_script.py loop|threads|nothing IN OUT MODEL

Frames are read by OpenCV, worked on in arrays that are used again, and piped to ffmpeg, whose libx264 OpenCV's wheel has
not.

  loop     one frame after another, as scripts are written; decoder, OpenCV, network and encoder have threads of their own
  threads  reading, working and piping beside each other too: OpenCV, ONNX Runtime and pipes release Python's lock
  nothing  as threads, without work
"""
import queue
import subprocess
import sys
import threading

import cv2
import numpy
import onnxruntime

SIDE, SLOTS = 256, 4


def make_cutout(model, width, height):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    tensor = numpy.zeros((1, SIDE, SIDE, 3), numpy.float32)
    alpha3 = numpy.zeros((height, width, 3), numpy.uint8)

    def work(frame):
        small = cv2.cvtColor(cv2.resize(frame, (SIDE, SIDE)), cv2.COLOR_BGR2RGB)
        numpy.multiply(small, numpy.float32(1 / 255), out=tensor[0])
        mask = session.run(None, {"input": tensor})[0].reshape(SIDE, SIDE)
        alpha = cv2.resize(cv2.convertScaleAbs(mask, alpha=255.0), (width, height))
        cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR, dst=alpha3)
        cv2.multiply(frame, alpha3, dst=frame, scale=1 / 255)
    return work


def read(video, free, ready):
    while True:
        frame = free.get()
        there, _ = video.read(frame)
        ready.put(frame if there else None)
        if not there:
            return


def write(pipe, done, free):
    while (frame := done.get()) is not None:
        pipe.write(frame.data)
        free.put(frame)
    pipe.close()


def open_encoder(width, height, rate, target):
    return subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s",
                             f"{width}x{height}", "-r", str(rate), "-i", "-", "-vf", "scale=out_color_matrix=bt709",
                             "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", target],
                            stdin=subprocess.PIPE)


def beside(video, encoder, frames, work):
    free, ready, done = queue.Queue(), queue.Queue(), queue.Queue()
    for frame in frames:
        free.put(frame)
    threads = [threading.Thread(target=read, args=(video, free, ready)),
               threading.Thread(target=write, args=(encoder.stdin, done, free))]
    for thread in threads:
        thread.start()
    while (frame := ready.get()) is not None:
        work(frame)
        done.put(frame)
    done.put(None)
    for thread in threads:
        thread.join()


def loop(video, encoder, frame, work):
    while video.read(frame)[0]:
        work(frame)
        encoder.stdin.write(frame.data)
    encoder.stdin.close()


def main():
    what, source, target, model = sys.argv[1:5]
    video = cv2.VideoCapture(source)
    width, height = (int(video.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    encoder = open_encoder(width, height, video.get(cv2.CAP_PROP_FPS), target)
    work = make_cutout(model, width, height) if what != "nothing" else lambda frame: None
    frames = [numpy.zeros((height, width, 3), numpy.uint8) for _ in range(SLOTS)]
    if what == "loop":
        loop(video, encoder, frames[0], work)
    else:
        beside(video, encoder, frames, work)
    sys.exit(encoder.wait())


main()
