'use strict';
// What WebGPU and WebNN call a region: objects that look like a GPUBuffer and an MLTensor, over the same pages.
const { native, constants, TripointError, invalid } = require('./native.js');
const { cancellationOf } = require('./cancel.js');

const GPUMapMode = Object.freeze({ READ: 1, WRITE: 2 });
const GPUBufferUsage = Object.freeze({
  MAP_READ: 1, MAP_WRITE: 2, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128,
});

/** A region as a GPUBuffer: mapping takes a claim of the host on it, unmapping gives it back. */
class SharedGPUBuffer {
  #record;
  #claim;
  #pending;
  #ranges = [];
  #destroyed = false;

  constructor(record) {
    this.#record = record;
    this.label = native.info(record.box).label;
    this.size = record.size;
    this.usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE;
    Object.defineProperty(this, 'size', { writable: false });
    Object.defineProperty(this, 'usage', { writable: false });
  }

  get mapState() {
    return this.#pending ? 'pending' : this.#claim ? 'mapped' : 'unmapped';
  }

  async mapAsync(mode, offset = 0, size = this.size - offset, options = {}) {
    if (this.#destroyed) throw new TripointError('BAD_HANDLE', 'the GPUBuffer was destroyed');
    if (mode !== GPUMapMode.READ && mode !== GPUMapMode.WRITE)
      throw invalid('mapAsync wants GPUMapMode.READ (1) or GPUMapMode.WRITE (2)');
    if (this.mapState !== 'unmapped') throw new TripointError('BUSY', `the GPUBuffer is ${this.mapState} already`);
    const [start, length] = this.#range(offset, size);
    const pending = { cancel: cancellationOf(options, true), start, length, writes: mode === GPUMapMode.WRITE };
    this.#pending = pending;
    try {
      const claim = await native.claim(this.#record.box, constants.technology.host, pending.writes, options?.timeout,
        pending.cancel.it);
      if (this.#pending !== pending) { // unmapped when the claim had been given already
        native.release(this.#record.box, claim);
        throw new TripointError('CANCELLED', 'the GPUBuffer was unmapped before it was mapped');
      }
      this.#claim = { claim, start, length };
    } finally {
      pending.cancel.end();
      if (this.#pending === pending) this.#pending = undefined;
    }
  }

  getMappedRange(offset = 0, size = this.size - offset) {
    const held = this.#claim;
    if (!held) throw new TripointError('BAD_CLAIM', `the GPUBuffer is ${this.mapState}: await mapAsync() first`);
    const [start, length] = this.#range(offset, size);
    if (start < held.start || start + length > held.start + held.length)
      throw invalid('the range is not part of what was mapped');
    if (this.#ranges.some((other) => start < other.end && other.start < start + length))
      throw invalid('the range overlaps one that was given out before');
    const buffer = native.buffer(this.#record.box, start, length);
    this.#record.arena.remember(buffer, this.#record);
    this.#ranges.push({ start, end: start + length, buffer });
    return buffer;
  }

  unmap() {
    for (const { buffer } of this.#ranges) native.detach(this.#record.box, buffer);
    this.#ranges = [];
    const held = this.#claim;
    this.#claim = undefined;
    if (held) native.release(this.#record.box, held.claim);
    this.#pending?.cancel.now();
    this.#pending = undefined;
  }

  /** Ends this view of the region; the region stays until freeShared(). */
  destroy() {
    this.unmap();
    this.#destroyed = true;
    this.#record.gpu = undefined;
  }

  /** As in WebGPU: offsets are multiples of 8, sizes of 4, unless a range ends where the region does. */
  #range(offset, size) {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset % 8 !== 0 || offset >= this.size)
      throw invalid(`an offset is a multiple of 8 below ${this.size}`);
    if (!Number.isSafeInteger(size) || size < 1 || size > this.size - offset ||
        (size % 4 !== 0 && offset + size !== this.size))
      throw invalid(`a size at offset ${offset} is a multiple of 4 up to ${this.size - offset}`);
    return [offset, size];
  }

  get [Symbol.toStringTag]() {
    return 'GPUBuffer';
  }
}

/** A region as an MLTensor, with the layout that it had when the view was asked for. */
class SharedMLTensor {
  #record;

  constructor(record, type, shape) {
    this.#record = record;
    this.dataType = type.name;
    this.shape = Object.freeze(shape);
    this.readable = true;
    this.writable = true;
    this.constant = false;
    Object.defineProperty(this, 'array', { value: type.array });
    Object.freeze(this);
  }

  /** The tensor's numbers: a typed array over the region's pages. */
  get data() {
    if (!this.#record) throw new TripointError('BAD_HANDLE', 'the MLTensor was destroyed');
    const count = this.shape.reduce((product, side) => product * side, 1);
    return new this.array(this.#record.arena.bufferOf(this.#record), 0, count);
  }

  /** Ends this view of the region; the region stays until freeShared(). */
  destroy() {
    this.#record = undefined;
  }

  get [Symbol.toStringTag]() {
    return 'MLTensor';
  }
}

module.exports = { SharedGPUBuffer, SharedMLTensor, GPUMapMode, GPUBufferUsage };
