'use strict';
// Pipelines in their JSON form: shipped ones by name, files, or objects.
const { native, constants, invalid, dataTypes, dataTypeOf, nameOf } = require('./native.js');
const { SharedMemoryArena, parseLayout, boxOf } = require('./arena.js');
const { cancellationOf } = require('./cancel.js');
const { copyIn, runAndCopyOut, checkTransfer } = require('./border.js');
const { ImageData } = require('./image.js');

const isArray = (data) => ArrayBuffer.isView(data) && !(data instanceof DataView);

const isNames = (list) => Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string');

/** `{ layout, data }` of an ImageData, or of `{ data, shape, dataType?, kind? }`. */
function parseValue(value, name) {
  const { data, width, height, shape } = value ?? {};
  if (!isArray(data)) throw invalid(`input ${name} wants an ImageData, or { data, shape }`);
  const pixels = shape === undefined && Number.isSafeInteger(width) && Number.isSafeInteger(height);
  const dataType = value.dataType ??
    [...dataTypes.values()].find((type) => data instanceof type.array)?.name ??
    (data instanceof Uint8ClampedArray ? 'uint8' : undefined);
  const layout = pixels
    ? { shape: [height, width, 4], dataType: 'uint8', kind: 'image' }
    : { shape, dataType, kind: value.kind };
  const parsed = parseLayout(layout);
  const bytes = dataTypes.get(layout.dataType).array.BYTES_PER_ELEMENT * layout.shape.reduce((a, b) => a * b, 1);
  if (data.byteLength !== bytes)
    throw invalid(`input ${name} of ${layout.dataType} [${layout.shape}] has ${bytes} bytes, not ${data.byteLength}`);
  return { layout: parsed, data };
}

function makeValue(memory, { dtype, kind, shape }) {
  const type = dataTypeOf(dtype);
  const kindName = nameOf(constants.kind, kind);
  if (kindName === 'image' && type.name === 'uint8' && shape.length === 3 && shape[2] === 4)
    return new ImageData(new Uint8ClampedArray(memory), shape[1], shape[0]);
  return { data: new type.array(memory), shape, dataType: type.name, kind: kindName };
}

/** A pipeline over values of JavaScript's: they are copied in, and the results out. One frame at a time, in order. */
class Pipeline {
  #box;
  #arena;
  #last = Promise.resolve();
  #planned;
  #names = [];
  #regions = new Map();

  constructor(key, arena, told) {
    if (key !== native) throw invalid('a pipeline comes from Pipeline.load()');
    this.#arena = arena;
    this.#box = told.box;
    for (const name of ['name', 'input', 'output'])
      Object.defineProperty(this, name, { value: told[name], enumerable: true });
  }

  /** A shipped pipeline's name, a path (with a `/`, or ending in `.json`), or the pipeline itself as an object. */
  static async load(pipeline, options = {}) {
    if (typeof options !== 'object' || options === null) throw invalid('options are an object: { arena, params }');
    const { arena = new SharedMemoryArena(), params = {} } = options;
    if (!(arena instanceof SharedMemoryArena)) throw invalid('arena wants a SharedMemoryArena');
    if (typeof params !== 'object' || params === null) throw invalid("params is an object: { 'resize.width': 256 }");
    const assignments = Object.entries(params).map(([name, value]) => {
      if (typeof value !== 'number' && typeof value !== 'string')
        throw invalid(`parameter ${name} wants a number or a string`);
      return `${name}=${value}`;
    });
    if (typeof pipeline !== 'string' && (typeof pipeline !== 'object' || pipeline === null))
      throw invalid('a pipeline is a name, a path, or an object as in its JSON');
    const [name, json] = typeof pipeline === 'string' ? [pipeline] : [undefined, JSON.stringify(pipeline)];
    return new Pipeline(native, arena, await native.load(boxOf(arena), name, json, assignments));
  }

  get arena() {
    return this.#arena;
  }

  get ledger() {
    return this.#arena.ledger;
  }

  /** Runs one frame: an input, or all of them by name. Gives the first output, or those that `options.outputs` names. */
  async run(input, options = {}) {
    const before = this.#last;
    const mine = before.catch(() => {}).then(() => this.#run(input, options));
    this.#last = mine;
    return mine;
  }

  async #run(input, options) {
    const cancel = cancellationOf(options);
    try {
      checkTransfer(options);
      const { outputs, timeout, allowCopies } = options;
      if (outputs !== undefined && !isNames(outputs)) throw invalid('outputs is a list of names');
      if (typeof input !== 'object' || input === null) throw invalid('run wants an input, or an object of them by name');
      const named = isArray(input.data) ? { [this.input]: input } : input;
      const given = Object.entries(named).map(([name, value]) => [name, parseValue(value, name)]);
      await this.#plan(given);
      for (const [name, { data }] of given) await copyIn(this.#region(name), data, options);
      const results = {};
      let run = (...out) => native.runPipeline(this.#box, timeout, cancel.it, allowCopies !== true, ...out);
      for (const name of outputs ?? [this.output]) {
        results[name] = await this.#result(name, run);
        run = native.empty; // it has run
      }
      return outputs ? results : results[this.output];
    } finally {
      cancel.end();
    }
  }

  /** Works out sizes and prepares, unless the inputs are as they were the last time. */
  async #plan(given) {
    const inputs = given.flatMap(([name, { layout }]) => [name, ...layout]);
    const key = JSON.stringify(inputs);
    if (key === this.#planned) return;
    const left = this.#names.find((name) => !given.some((one) => one[0] === name));
    if (left) throw invalid(`input ${left} was left out: name every input in each run`);
    this.#planned = undefined;
    this.#regions.clear();
    await native.planPipeline(this.#box, inputs);
    this.#planned = key;
    this.#names = given.map(([name]) => name);
  }

  #region(name) {
    if (!this.#regions.has(name)) this.#regions.set(name, native.pipelineRegion(this.#box, name));
    return this.#regions.get(name);
  }

  async #result(name, run) {
    const box = this.#region(name);
    const { buffer } = await runAndCopyOut(run, box, native.size(box), undefined);
    return makeValue(buffer, native.layout(box));
  }
}

module.exports = { Pipeline };
