'use strict';
// RGBA pixels in, RGBA pixels out: resize, segment in place, apply the mask.
const { TripointError, invalid } = require('./native.js');
const { SharedMemoryArena, recordOf, regionUnder } = require('./arena.js');
const { copyIn, runAndCopyOut, checkTransfer } = require('./border.js');

const SIDE = 512; // what `segment` is given
const IDLE_LANES = 2;

/** As in HTML: `new ImageData(width, height)` or `new ImageData(data, width, height?)`. */
class OwnImageData {
  constructor(first, second, third) {
    const whole = (number) => Number.isSafeInteger(number) && number > 0;
    let data, width, height;
    if (typeof first === 'number') {
      [width, height] = [first, second];
      if (!whole(width) || !whole(height) || width * height * 4 > 2 ** 32)
        throw invalid('an ImageData wants a width and a height from 1');
      data = new Uint8ClampedArray(width * height * 4);
    } else {
      if (!(first instanceof Uint8ClampedArray)) throw invalid('an ImageData wants a Uint8ClampedArray or two sizes');
      [data, width] = [first, second];
      height = typeof third === 'number' ? third : data.length / 4 / width;
      if (!whole(width) || !whole(height) || width * height * 4 !== data.length)
        throw invalid(`${data.length} bytes are no RGBA image ${width} pixels wide`);
    }
    Object.defineProperties(this, {
      data: { value: data, enumerable: true },
      width: { value: width, enumerable: true },
      height: { value: height, enumerable: true },
      colorSpace: { value: 'srgb', enumerable: true },
    });
  }

  get [Symbol.toStringTag]() {
    return 'ImageData';
  }
}
const ImageData = globalThis.ImageData ?? OwnImageData;

function checkImage(image) {
  const { data, width, height } = image ?? {};
  if (!(data instanceof Uint8ClampedArray || data instanceof Uint8Array) || !Number.isSafeInteger(width) ||
      !Number.isSafeInteger(height) || width < 1 || height < 1)
    throw invalid('processImage wants an ImageData: { data: Uint8ClampedArray, width, height }');
  if (data.byteLength !== width * height * 4)
    throw invalid(`an image of ${width} × ${height} has ${width * height * 4} bytes of RGBA, not ${data.byteLength}`);
}

function checkInto(into, width, height) {
  checkImage(into);
  if (into.width !== width || into.height !== height)
    throw invalid(`into wants an ImageData of ${width} × ${height}, as the image has`);
}

class ZeroCopyImagePipeline {
  #arena;
  #pixels;
  #lanes = []; // idle ones: {key, input, work, output, plan}
  #direct = new WeakMap(); // record of an input in the arena → {output, plan, work, busy}

  /** `pixels`: the technology that scales and masks, 'webgpu' or 'host'. */
  constructor(options = {}) {
    const { arena = new SharedMemoryArena(), pixels = 'webgpu' } =
      options instanceof SharedMemoryArena ? { arena: options } : options;
    if (!(arena instanceof SharedMemoryArena)) throw invalid('arena wants a SharedMemoryArena');
    if (pixels !== 'webgpu' && pixels !== 'host') throw invalid("pixels wants 'webgpu' or 'host'");
    this.#arena = arena;
    this.#pixels = pixels;
  }

  get arena() {
    return this.#arena;
  }

  get ledger() {
    return this.#arena.ledger;
  }

  /** An ImageData whose pixels lie in the arena: processImage() then copies nothing. */
  createImageData(width, height) {
    const handle = this.#allocate([height, width, 4], 'image');
    return new ImageData(new Uint8ClampedArray(this.#arena.bufferOf(recordOf(handle))), width, height);
  }

  async processImage(image, options) {
    checkImage(image);
    checkTransfer(options);
    const source = regionUnder(image.data, this.#arena);
    return source ? this.#processInArena(source, image, options) : this.#processOutside(image, options);
  }

  /** Frees the regions that are kept for the next image. */
  destroy() {
    for (const lane of this.#lanes.splice(0)) this.#freeLane(lane);
  }

  #allocate(shape, label) {
    return this.#arena.allocateShared(shape.reduce((a, b) => a * b), { shape, dataType: 'uint8', kind: 'image', label });
  }

  #stages(input, work, output) {
    const pixels = this.#pixels;
    return [
      { technology: pixels, operation: 'resize', input, output: work, params: { width: SIDE, height: SIDE } },
      { technology: 'webnn', operation: 'segment', input: work, output: work },
      { technology: pixels, operation: 'apply_mask', input, output },
    ];
  }

  /**
   * Pixels of JavaScript's: copied in, and out beside the event loop, or into memory of the caller's.
   */
  async #processOutside(image, options) {
    const { width, height } = image;
    const into = options?.into;
    if (into) checkInto(into, width, height);
    const lane = this.#takeLane(width, height);
    try {
      await copyIn(recordOf(lane.input).box, image.data, options);
      lane.plan ??= await this.#arena.prepare(this.#stages(lane.input, lane.work, lane.output));
      const { box, size } = recordOf(lane.output);
      const { buffer } = await runAndCopyOut((...out) => lane.plan.run(options, ...out), box, size, into?.data, options);
      this.#giveLane(lane);
      return into ?? new ImageData(new Uint8ClampedArray(buffer), width, height);
    } catch (error) {
      this.#freeLane(lane);
      throw error;
    }
  }

  #takeLane(width, height) {
    const key = `${width}x${height}`;
    const at = this.#lanes.findLastIndex((lane) => lane.key === key);
    if (at >= 0) return this.#lanes.splice(at, 1)[0];
    const shape = [height, width, 4];
    const made = [];
    try {
      for (const [sides, label] of [[shape, 'input'], [[SIDE, SIDE, 4], 'work'], [shape, 'output']])
        made.push(this.#allocate(sides, label));
    } catch (error) {
      for (const handle of made) this.#arena.freeShared(handle);
      throw error;
    }
    return { key, input: made[0], work: made[1], output: made[2], plan: undefined };
  }

  #giveLane(lane) {
    this.#lanes.push(lane);
    if (this.#lanes.length > IDLE_LANES) this.#freeLane(this.#lanes.shift());
  }

  #freeLane(lane) {
    lane.plan = undefined;
    for (const handle of [lane.input, lane.work, lane.output]) {
      try {
        this.#arena.freeShared(handle);
      } catch (error) {
        if (!(error instanceof TripointError)) throw error; // the arena was destroyed: they are gone
      }
    }
  }

  /** Pixels in the arena: no copy. `options.into`: an ImageData of createImageData() for the result. */
  async #processInArena(source, image, options) {
    const { width, height } = image;
    const result = options?.into ?? this.createImageData(width, height);
    checkInto(result, width, height);
    const target = regionUnder(result.data, this.#arena);
    if (!target || target === source) throw invalid('into wants another ImageData that createImageData() made');
    let job = this.#direct.get(source);
    if (!job || job.busy || job.target !== target) {
      job = { target, busy: true, work: this.#allocate([SIDE, SIDE, 4], 'work'), plan: undefined };
      job.plan = await this.#arena.prepare(this.#stages(source.handle, job.work, target.handle));
      if (options?.into) this.#direct.set(source, job);
    }
    job.busy = true;
    try {
      await job.plan.run(options);
    } finally {
      job.busy = false;
      if (!options?.into) this.#arena.freeShared(job.work);
    }
    return result;
  }
}

module.exports = { ZeroCopyImagePipeline, ImageData };
